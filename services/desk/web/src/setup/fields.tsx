// Forms of resources, drawn from the fields that the control plane says they have.
import { createContext } from 'preact';
import { useContext, useId } from 'preact/hooks';
import { enums, messages } from './forms.gen';
import { idOf, nameOf, type Kind, type Thing, type Violation } from './admin';
import { Explained, said, short, stamp, useRoom, type Words } from './room';

export interface Field { name: string; type: string; mark: string }
type Values = Record<string, unknown>;

// fieldsOf are the fields of a message, but for those that only the house sets.
export const fieldsOf = (message: string): Field[] => (messages[message] ?? '').split(' ').map((one) => {
  const [, name, type, mark] = /^(\w+):(\w*)(.*)$/.exec(one)!;
  return { name: name!, type: type || 'string', mark: mark! };
}).filter((f) => !OUTPUT.has(`${message}.${f.name}`) && !OUTPUT.has(f.name));

const OUTPUT = new Set(['etag', 'updatedMs', 'sinceMs', 'ChannelAccount.privacy', 'ChannelAccount.previousSecret']);

// REFERS are the fields that name other resources.
const REFERS: Record<string, Kind> = {
  'Queue.agents': 'agent', 'Queue.supervisors': 'agent', 'Queue.schedule': 'schedule', 'Page.account': 'channelAccount', 'Page.workstream': 'workstream',
  'Workstream.queue': 'queue', 'Workstream.fallbackQueue': 'queue', 'Workstream.classification': 'ruleset', 'Workstream.routing': 'ruleset',
  'Workstream.capacityProfiles': 'capacityProfile', 'OverflowRule.queue': 'queue', 'WaitRule.queue': 'queue', 'Share.queue': 'queue',
  'Proficiency.skill': 'skill', 'ProfileHolding.profile': 'capacityProfile', 'Agent.defaultStatus': 'status', 'Agent.schedule': 'schedule',
  'CustomAssignment.prioritisation': 'ruleset', 'CustomAssignment.assignment': 'ruleset', 'Selection.ruleset': 'ruleset',
  'CannedReply.workstreams': 'workstream', 'Attributes.capacityProfiles': 'capacityProfile',
  'Notifications.incomingKnown': 'notificationTemplate', 'Notifications.incomingUnknown': 'notificationTemplate',
  'Notifications.transfer': 'notificationTemplate', 'Notifications.consult': 'notificationTemplate',
};
const CHOICES: Record<string, string[]> = { 'Agent.roles': ['agent', 'supervisor', 'admin', 'operator', 'auditor'], 'Agent.language': ['bg', 'en'] };
const LONG = new Set(['text', 'when', 'pattern', 'description']);
const CODE = new Set(['when', 'pattern']);

// label is what a field is called, in its message or anywhere.
export const label = (message: string, name: string, t: Words): string => said(t, `f_${message}_${name}`) ?? said(t, `f_${name}`) ?? name;
// word is what a value of an enum is called; what is none, as an id, stays.
export const word = (value: string, t: Words): string => (!/^[A-Z_]+$/.test(value) ? value : said(t, value) ?? (value.endsWith('_UNSPECIFIED') ? t.asUsual : value));

// Wrong are the violations by the path of their field, "overflow[0].queue".
const Wrong = createContext<Map<string, string>>(new Map());

// wrongOf reads violations; fields of the proto are written otherwise in JSON.
export const wrongOf = (violations: Violation[]): Map<string, string> =>
  new Map(violations.map((v) => [short(v.field).replace(/_([a-z])/g, (_, c: string) => c.toUpperCase()), v.text]));

export interface FormProps {
  kind: Kind;
  message: string;
  value: Thing;
  fresh: boolean;
  only?: string[] | undefined;
  wrong: Map<string, string>;
  onChange: (value: Thing) => void;
}

// Form draws a resource, or only some fields of it.
export function Form(p: FormProps) {
  const fields = fieldsOf(p.message).filter((f) => f.name === 'meta' || !p.only || p.only.includes(f.name));
  const meta = (p.value.meta ?? {}) as Values;
  const setMeta = (name: string) => (v: unknown) => p.onChange({ ...p.value, meta: { ...meta, [name]: v } } as Thing);
  return (
    <Wrong.Provider value={p.wrong}>
      {p.fresh && <One message="Meta" field={{ name: 'id', type: 'string', mark: '' }} path="meta.id" value={meta.id} onChange={setMeta('id')} />}
      <One message="Meta" field={{ name: 'displayName', type: 'string', mark: '' }} path="meta.displayName" value={meta.displayName} onChange={setMeta('displayName')} />
      {fields.filter((f) => f.name !== 'meta').map((f) => (
        <One key={f.name} message={p.message} field={f} path={f.name} value={p.value[f.name]} onChange={(v) => p.onChange({ ...p.value, [f.name]: v })} />
      ))}
    </Wrong.Provider>
  );
}

interface OneProps { message: string; field: Field; path: string; value: unknown; onChange: (v: unknown) => void }

// One is a field with its label, its hint and what is wrong with it.
function One(p: OneProps) {
  const { t } = useRoom();
  const id = useId();
  const wrong = useContext(Wrong).get(p.path);
  const name = label(p.message, p.field.name, t);
  const hint = said(t, `h_${p.message}_${p.field.name}`);
  const group = p.field.mark === '{}' || p.field.mark === '[]' || p.field.type in messages && p.field.type !== 'Secret';
  const inner = <Input {...p} id={id} name={name} />;
  const notes = (
    <>
      {hint && <small class="quiet" id={`${id}h`}>{hint}</small>}
      {wrong && <small class="wrong" id={`${id}w`}><Explained text={wrong} /></small>}
    </>
  );
  if (p.field.type === 'boolean' && !p.field.mark) {
    return <div class="field check" data-field={p.path}><label>{inner} {name}</label>{notes}</div>;
  }
  return group
    ? <fieldset class="field" data-field={p.path}><legend>{name}</legend>{inner}{notes}</fieldset>
    : <div class="field" data-field={p.path}><label for={id}>{name}</label>{inner}{notes}</div>;
}

type InputProps = OneProps & { id: string; name: string };

function Input(p: InputProps) {
  const { type, mark, name } = p.field;
  const key = `${p.message}.${name}`;
  if (mark === '{}') return <Texts {...p} />;
  if (mark === '[]') {
    if (REFERS[key] || CHOICES[key] || type in enums) return <Several {...p} />;
    return type === 'string' ? <Listed {...p} /> : <Rows {...p} />;
  }
  if (type === 'Secret') return <Hidden {...p} />;
  if (type in messages) return <Part {...p} />;
  if (type in enums || REFERS[key] || CHOICES[key]) return <Pick {...p} />;
  const wrong = useContext(Wrong).has(p.path);
  const about = { id: p.id, 'aria-invalid': wrong, 'aria-describedby': `${p.id}h ${p.id}w` };
  if (type === 'boolean') return <input type="checkbox" {...about} checked={!!p.value} onChange={(e) => p.onChange(e.currentTarget.checked)} />;
  if (type === 'number') {
    return <input type="number" class="narrow" {...about} value={p.value === undefined ? '' : String(p.value)}
      onInput={(e) => p.onChange(e.currentTarget.value === '' ? undefined : Number(e.currentTarget.value))} />;
  }
  const text = String(p.value ?? '');
  if (LONG.has(name)) {
    return <textarea {...about} class={CODE.has(name) ? 'code' : ''} rows={Math.min(8, 2 + text.split('\n').length)} spellcheck={!CODE.has(name)}
      value={text} onInput={(e) => p.onChange(e.currentTarget.value)} />;
  }
  return <input {...about} value={text} spellcheck={false} onInput={(e) => p.onChange(e.currentTarget.value)} />;
}

// options are what may be chosen, each with its name; and what is chosen already,
// also where it is gone.
function useOptions(p: OneProps, chosen: string[]): [string, string][] {
  const { t, world } = useRoom();
  const key = `${p.message}.${p.field.name}`;
  const refers = REFERS[key];
  const all: [string, string][] = refers ? world[refers].map((r) => [idOf(r), nameOf(r)])
    : (CHOICES[key] ?? (enums[p.field.type] ?? '').split(' ').slice(1)).map((v) => [v, said(t, `o_${v}`) ?? word(v, t)]);
  return [...all, ...chosen.filter((v) => !all.some(([known]) => known === v)).map((v): [string, string] => [v, `${v} ?`])];
}

// Pick chooses one.
function Pick(p: InputProps) {
  const { t } = useRoom();
  const value = String(p.value ?? '');
  const none = p.field.type in enums ? `${enums[p.field.type]!.split(' ')[0]}` : '';
  const chosen = value && value !== none ? [value] : [];
  const options = useOptions(p, chosen);
  const wrong = useContext(Wrong).has(p.path);
  return (
    <select id={p.id} aria-invalid={wrong} aria-describedby={`${p.id}h ${p.id}w`} value={chosen[0] ?? ''} onChange={(e) => p.onChange(e.currentTarget.value || undefined)}>
      <option value="">{p.field.type in enums ? t.asUsual : t.none}</option>
      {options.map(([v, text]) => <option key={v} value={v}>{text}</option>)}
    </select>
  );
}

// Several chooses any number, in the order in which they are chosen.
function Several(p: InputProps) {
  const { t } = useRoom();
  const chosen = (p.value as string[] | undefined) ?? [];
  const options = useOptions(p, chosen);
  const toggle = (v: string, on: boolean) => p.onChange(on ? [...chosen, v] : chosen.filter((x) => x !== v));
  return (
    <div class="several">
      {options.map(([v, text]) => (
        <label key={v}><input type="checkbox" value={v} checked={chosen.includes(v)} onChange={(e) => toggle(v, e.currentTarget.checked)} /> {text}</label>
      ))}
      {!options.length && <span class="quiet">{t.nothingYet}</span>}
      <Items path={p.path} n={chosen.length} />
    </div>
  );
}

// Items is what is wrong with single values of a list.
function Items({ path, n }: { path: string; n: number }) {
  const wrong = useContext(Wrong);
  const all = Array.from({ length: n }, (_, i) => wrong.get(`${path}[${i}]`)).filter((x) => x !== undefined);
  return <>{all.map((text, i) => <small key={i} class="wrong"><Explained text={text!} /></small>)}</>;
}

// Listed is a list of words, parted by commas.
function Listed(p: InputProps) {
  const all = (p.value as string[] | undefined) ?? [];
  return (
    <>
      <input id={p.id} aria-label={p.name} value={all.join(', ')} spellcheck={false}
        onChange={(e) => p.onChange(e.currentTarget.value.split(',').map((s) => s.trim()).filter(Boolean))} />
      <Items path={p.path} n={all.length} />
    </>
  );
}

// Hidden is a secret: it goes in and never comes out.
function Hidden(p: InputProps) {
  const { t } = useRoom();
  const now = (p.value ?? {}) as { value?: string; fingerprint?: string; setMs?: string };
  const wrong = useContext(Wrong).has(p.path);
  return (
    <>
      <input id={p.id} type="password" autocomplete="new-password" aria-invalid={wrong} aria-describedby={`${p.id}h ${p.id}w`} value={now.value ?? ''}
        placeholder={now.fingerprint ? t.keepSecret : ''} onInput={(e) => p.onChange({ ...now, value: e.currentTarget.value || undefined })} />
      {now.fingerprint && <small class="quiet">{t.secretSet(stamp(now.setMs, t), now.fingerprint)}</small>}
    </>
  );
}

// Part is a message in a message.
function Part(p: InputProps) {
  const { t } = useRoom();
  const value = p.value as Values | undefined;
  return (
    <details class="part" open={value !== undefined}>
      <summary>{value === undefined ? t.notSet : t.isSet}</summary>
      <Inside {...p} value={value ?? {}} />
      {value !== undefined && <button type="button" class="plain" onClick={() => p.onChange(undefined)}>{t.unset}</button>}
    </details>
  );
}

function Inside(p: { field: Field; path: string; value: Values; onChange: (v: unknown) => void }) {
  const { type } = p.field;
  return (
    <>
      {fieldsOf(type).map((f) => (
        <One key={f.name} message={type} field={f} path={`${p.path}.${f.name}`} value={p.value[f.name]} onChange={(v) => p.onChange({ ...p.value, [f.name]: v })} />
      ))}
    </>
  );
}

// Rows is a list of messages, in an order that counts.
function Rows(p: InputProps) {
  const { t } = useRoom();
  const rows = (p.value as Values[] | undefined) ?? [];
  const put = (i: number, v: unknown) => p.onChange(rows.map((r, at) => (at === i ? v : r)));
  const move = (i: number, by: number) => {
    const next = [...rows];
    next.splice(i + by, 0, ...next.splice(i, 1));
    p.onChange(next);
  };
  const wrong = useContext(Wrong);
  return (
    <div class="rows-of">
      {rows.map((row, i) => (
        <fieldset key={i} class={`row-of ${p.field.type}`} data-field={`${p.path}[${i}]`}>
          <legend>{`${p.name} ${i + 1}`}{typeof row.name === 'string' && row.name ? `: ${row.name}` : ''}</legend>
          <Inside field={p.field} path={`${p.path}[${i}]`} value={row} onChange={(v) => put(i, v)} />
          {wrong.has(`${p.path}[${i}]`) && <small class="wrong"><Explained text={wrong.get(`${p.path}[${i}]`)!} /></small>}
          <div class="buttons">
            <button type="button" class="plain" disabled={i === 0} onClick={() => move(i, -1)} aria-label={`${t.up}: ${p.name} ${i + 1}`}>↑ {t.up}</button>
            <button type="button" class="plain" disabled={i === rows.length - 1} onClick={() => move(i, 1)} aria-label={`${t.down}: ${p.name} ${i + 1}`}>↓ {t.down}</button>
            <button type="button" class="plain danger" onClick={() => p.onChange(rows.filter((_, at) => at !== i))} aria-label={`${t.remove}: ${p.name} ${i + 1}`}>{t.remove}</button>
          </div>
        </fieldset>
      ))}
      <button type="button" class="add" onClick={() => p.onChange([...rows, {}])}>+ {t.add}<span class="sr">: {p.name}</span></button>
    </div>
  );
}

// Texts is a map of texts by name; the name of a language, most of the time.
function Texts(p: InputProps) {
  const { t } = useRoom();
  const all = Object.entries((p.value as Record<string, string> | undefined) ?? {});
  const wrong = useContext(Wrong);
  const put = (next: [string, string][]) => p.onChange(Object.fromEntries(next));
  return (
    <div class="rows-of">
      {all.map(([key, text], i) => (
        <div key={i} class="text-of">
          <input class="narrow" aria-label={`${p.name}: ${t.key}`} value={key} spellcheck={false}
            onChange={(e) => put(all.map((one, at) => (at === i ? [e.currentTarget.value.trim(), text] : one)))} />
          <textarea aria-label={`${p.name}: ${key}`} lang={key} rows={2} value={text}
            onInput={(e) => put(all.map((one, at) => (at === i ? [key, e.currentTarget.value] : one)))} />
          <button type="button" class="plain danger" onClick={() => put(all.filter((_, at) => at !== i))} aria-label={`${t.remove}: ${p.name}: ${key}`}>{t.remove}</button>
          {wrong.has(`${p.path}[${key}]`) && <small class="wrong"><Explained text={wrong.get(`${p.path}[${key}]`)!} /></small>}
        </div>
      ))}
      <button type="button" class="add" onClick={() => put([...all, [next(p.field.name, all), '']])}>+ {t.add}<span class="sr">: {p.name}</span></button>
    </div>
  );
}

// next is a name for one more: of the languages of the page, where it is a text.
const next = (field: string, all: [string, string][]): string =>
  (field === 'texts' ? ['bg', 'en'] : []).find((l) => !all.some(([k]) => k === l)) ?? '';
