// Lists of resources, and the form of one: checked by the control plane, shown as a
// difference, then saved.
import { type ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Change, Resource, Version } from './types.gen';
import { apply, ask, create, idOf, keyOf, lastChange, nameOf, Trouble, upper, type Kind, type Thing } from './admin';
import { Changes } from './diff';
import { Form, wrongOf } from './fields';
import { later } from '../later';
import { Ask, go, may, said, stamp, Told, useAct, useRoom, type Words } from './room';

// AsYAML is what a screen is about as a file.
export const AsYAML = later(() => import('./export').then((m) => m.AsYAML));

// summary is what tells a resource apart in a list.
function summary(kind: Kind, r: Thing, t: Words): string {
  const list = (v: unknown) => ((v as unknown[] | undefined) ?? []).length;
  switch (kind) {
    case 'agent': return `${((r.roles as string[] | undefined) ?? []).map((x) => said(t, `o_${x}`) ?? x).join(', ')} · ${t.units(String(r.capacity ?? 0))}`;
    case 'queue': return `${t.agentsOf(list(r.agents))} · ${(r.schedule as string | undefined) || t.alwaysOpen}`;
    case 'workstream': return String(r.queue ?? '');
    case 'ruleset': return t.rulesOf(list(r.classify) + list(r.route) + list(r.prioritise) + list(r.assign));
    case 'schedule': return String(r.timeZone ?? '');
    case 'automatedMessage': return `${said(t, String(r.trigger)) ?? ''} · ${r.active ? t.on : t.off} · ${Object.keys((r.texts as object | undefined) ?? {}).join(', ')}`;
    case 'cannedReply': return `${String(r.locale ?? '')} ${String(r.text ?? '').slice(0, 80)}`;
    case 'notificationTemplate': return `${r.autoAssign ? t.f_autoAssign : String(r.seconds ?? 120)} · ${((r.texts as { language?: string }[] | undefined) ?? []).map((x) => x.language).join(', ')}`;
    case 'skill': return String(r.type ?? '');
    case 'capacityProfile': return String(r.limit ?? '');
    default: return '';
  }
}

// List is all resources of a kind.
export function List({ kind, path }: { kind: Kind; path: string }) {
  const { t, me, world } = useRoom();
  const [wanted, setWanted] = useState('');
  const shown = world[kind].filter((r) => `${idOf(r)} ${nameOf(r)} ${summary(kind, r, t)}`.toLowerCase().includes(wanted.toLowerCase()));
  return (
    <section class="card-of">
      <div class="head-of">
        <h2>{said(t, `ks_${kind}`)}</h2>
        {world[kind].length > 8 && <input type="search" class="narrow" aria-label={t.search} placeholder={t.search} value={wanted} onInput={(e) => setWanted(e.currentTarget.value)} />}
        {may(me, 'config.write') && <button class="primary" onClick={() => go(`${path}/+`)}>{said(t, `n_${kind}`)}</button>}
      </div>
      {!world[kind].length && <p class="quiet">{t.nothingYet}</p>}
      <ul class="things">
        {shown.map((r) => (
          <li key={idOf(r)}><a href={`#/${path}/${idOf(r)}`}><b>{nameOf(r)}</b> <code>{idOf(r)}</code><span class="quiet">{summary(kind, r, t)}</span></a></li>
        ))}
      </ul>
      {world[kind].length > 0 && <AsYAML kinds={[kind]} />}
    </section>
  );
}

const TYPING_MS = 500;

interface EditorProps {
  kind: Kind;
  start: Thing;
  only?: string[];
  live?: boolean; // checked while it is typed
  plain?: boolean; // saved at once, without showing the difference
  changed?: boolean; // start is not what is stored
  onSaved: (saved: Thing) => void;
  onCancel?: () => void;
  beside?: (value: Thing) => ComponentChildren;
  save?: string;
}

// Editor changes one resource, or makes it.
export function Editor(p: EditorProps) {
  const { t, me, world, reload } = useRoom();
  const writes = may(me, 'config.write');
  const [start, setStart] = useState(p.start); // as it was when somebody began to write
  const [value, setValue] = useState(start);
  const [plan, setPlan] = useState<Change[]>();
  const [comment, setComment] = useState('');
  const [removing, setRemoving] = useState(false);
  const [meanwhile, setMeanwhile] = useState<{ by: Version | undefined }>();
  const [typed, setTyped] = useState<Trouble>();
  const { busy, trouble, act, clear } = useAct();
  const fresh = !value.meta?.etag;
  const id = idOf(value);
  const resource = { [p.kind]: value } as Resource;
  const dirty = !!p.changed || value !== start;

  // What somebody else changes stands here until somebody begins to write.
  useEffect(() => {
    if (value !== start) return;
    setStart(p.start);
    setValue(p.start);
  }, [p.start.meta?.etag]);
  useEffect(() => {
    setTyped(undefined);
    if (!p.live || !dirty || !id) return;
    const timer = setTimeout(() => void apply([{ [p.kind]: { ...value, meta: { ...value.meta, etag: '' } } } as Resource], true)
      .then(() => undefined, (e: unknown) => setTyped(e as Trouble)), TYPING_MS);
    return () => clearTimeout(timer);
  }, [value]);
  useEffect(() => {
    if (trouble) document.querySelector<HTMLElement>('[aria-invalid=true], .told')?.focus();
    if (trouble?.reason === 'ETAG_MISMATCH') void lastChange(p.kind, id).then((by) => setMeanwhile({ by }), () => setMeanwhile({ by: undefined }));
  }, [trouble]);

  const done = async () => {
    await reload();
    const saved = await ask<Thing>('Config', `Get${upper(p.kind)}`, { id });
    setPlan(undefined);
    p.onSaved(saved);
  };
  const save = (e: SubmitEvent) => {
    e.preventDefault();
    void act(async () => {
      if (fresh) return create(p.kind, value).then(done);
      const { changes = [] } = await apply([resource], true);
      if (!p.plain) return setPlan(changes);
      return apply([resource], false).then(done);
    });
  };
  const confirm = () => void act(() => apply([resource], false, comment).then(done)).then((ok) => ok || setPlan(undefined));
  const remove = () => void act(async () => {
    await ask('Config', `Delete${upper(p.kind)}`, { id, etag: value.meta?.etag });
    await reload();
    p.onCancel?.();
  }).then(() => setRemoving(false));
  const theirs = world[p.kind].find((r) => idOf(r) === id);
  const again = (keep: boolean) => void act(async () => {
    const now = await ask<Thing>('Config', `Get${upper(p.kind)}`, { id });
    setStart(now);
    setValue(keep ? { ...value, meta: { ...value.meta, etag: now.meta?.etag } as Thing['meta'] } : now);
    setMeanwhile(undefined);
    clear();
  });
  const shownTrouble = trouble ?? typed;
  const wrong = wrongOf(shownTrouble?.violations ?? []);

  return (
    <form class="editor" onSubmit={save} noValidate>
      {meanwhile
        ? (
          <div class="told" role="alert">
            <p><b>{meanwhile.by ? t.changedBy(meanwhile.by.by ?? '', stamp(meanwhile.by.atMs, t)) : t.changedMeanwhile}</b></p>
            <div class="buttons">
              <button type="button" onClick={() => again(false)}>{t.takeTheirs}</button>
              <button type="button" onClick={() => again(true)}>{t.keepMine}</button>
            </div>
          </div>
        )
        : <Told trouble={shownTrouble} typing={!trouble} />}
      {!writes && <p class="quiet">{t.readOnly}</p>}
      <fieldset class="whole" disabled={!writes}>
        <Form kind={p.kind} message={upper(p.kind)} value={value} fresh={fresh} only={p.only} wrong={wrong} onChange={(v) => { clear(); setValue(v); }} />
      </fieldset>
      {p.beside?.(value)}
      <div class="buttons save">
        {writes && <button class="primary" disabled={busy || !dirty && !fresh}>{p.save ?? (fresh ? t.create : t.save)}</button>}
        {p.onCancel && <button type="button" onClick={p.onCancel}>{dirty ? t.discard : t.back}</button>}
        {!fresh && theirs && !p.plain && may(me, 'audit.read') && <a class="button" href={`#/audit/object=${encodeURIComponent(`${keyOf(p.kind)}/${id}`)}`}>{t.auditOf}</a>}
        {writes && !fresh && theirs && !p.plain && <button type="button" class="danger" onClick={() => setRemoving(true)}>{t.remove}</button>}
      </div>
      {plan && (
        <Ask title={t.saveThis} yes={t.save} busy={busy} onYes={confirm} onClose={() => setPlan(undefined)}>
          <Changes changes={plan} />
          <label class="field">{t.why}<input value={comment} maxLength={500} onInput={(e) => setComment(e.currentTarget.value)} /></label>
        </Ask>
      )}
      {removing && <Ask title={t.removeThis(nameOf(value))} yes={t.remove} danger busy={busy} onYes={remove} onClose={() => setRemoving(false)}><p>{t.removeHint}</p></Ask>}
    </form>
  );
}

// Thing shows one resource by its id, "+" for a new one.
export function One({ kind, id, path, ...more }: { kind: Kind; id: string; path: string } & Partial<Pick<EditorProps, 'live' | 'beside'>>) {
  const { t, world } = useRoom();
  const stored = world[kind].find((r) => idOf(r) === id);
  if (id !== '+' && !stored) return <section class="card-of"><p>{t.gone}</p><a href={`#/${path}`}>{t.back}</a></section>;
  return (
    <section class="card-of">
      <h2>{stored ? nameOf(stored) : said(t, `n_${kind}`)} {stored && <code>{id}</code>}</h2>
      <Editor key={id} kind={kind} start={stored ?? { meta: {} }} onSaved={() => go(path)} onCancel={() => go(path)} {...more} />
      {stored && <AsYAML kinds={[kind]} id={id} />}
    </section>
  );
}
