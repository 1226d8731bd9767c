// What an agent takes on, as who looks after the agent may change it: capacity,
// skills, and the queues that are the supervisor's.
import { useEffect, useState } from 'preact/hooks';
import type { CapacityProfile, CrewMember, CrewTerms, Skill } from './setup/types.gen';
import { useAloft } from './aloft';
import { Dialog } from './dialog';
import { said } from './i18n';
import { post, Trouble } from './setup/admin';

const SERVICE = '/parley.admin.v1.CrewService/';
const MOST_UNITS = 100_000;
const MOST_LIMIT = 1_000;

const named = (r: { meta?: { id?: string; displayName?: string } }): string => r.meta?.displayName || r.meta?.id || '';
const scale = (s: Skill): [number, number] => (s.lowest || s.highest ? [s.lowest ?? 0, s.highest ?? 0] : [1, 10]);

// shut closes the dialog as its own keys do, so that the focus goes back to where it was.
const shut = (): void => document.querySelector<HTMLDialogElement>('dialog[open]')?.close();

export function Adjust({ agent, onClose }: { agent: string; onClose: () => void }) {
  const { t } = useAloft();
  const [member, setMember] = useState<CrewMember>();
  const [terms, setTerms] = useState<CrewTerms>({});
  const [trouble, setTrouble] = useState<Trouble>();
  const [busy, setBusy] = useState(false);

  const ask = async (method: string, body: object, then: (m: CrewMember) => void) => {
    setBusy(true);
    try {
      then(await post<CrewMember>(SERVICE + method, { agent, ...body }));
      setTrouble(undefined);
    } catch (e) {
      if (!(e instanceof Trouble)) throw e;
      if (e.code === 'unauthenticated') location.reload();
      setTrouble(e);
    }
    setBusy(false);
  };
  // read takes what stands; with mine only its version, so that what is in the form
  // can be saved over it.
  const read = (mine: boolean) => void ask('GetCrewMember', {}, (m) => {
    setMember(m);
    setTerms(mine ? { ...terms, etag: m.terms?.etag } as CrewTerms : m.terms ?? {});
  });
  useEffect(() => read(false), []);
  const change = (c: Partial<CrewTerms>) => {
    setTerms({ ...terms, ...c });
    if (trouble?.violations.length) setTrouble(undefined);
  };
  const save = (e: SubmitEvent) => {
    e.preventDefault();
    void ask('AdjustCrewMember', { terms }, shut);
  };
  const wrong = trouble?.violations.map((v) => v.field.replace(/^terms\.?/, '')) ?? [];
  const theirs = trouble?.reason === 'ETAG_MISMATCH';

  return (
    <Dialog title={t.adjustOf(member?.displayName || agent)} onClose={onClose}>
      {!member && !trouble && <p class="quiet" role="status">{t.loading}</p>}
      {trouble && (
        <p class="wrong" role="alert">
          {wrong.length ? t.adjustWrong : said(t, trouble.reason) ?? t.notNow}
          {trouble.violations.map((v) => <small key={v.field} lang="en">{v.field.replace(/^terms\.?/, '')}: {v.text}</small>)}
        </p>
      )}
      {theirs && (
        <div class="buttons">
          <button disabled={busy} onClick={() => read(false)}>{t.takeTheirs}</button>
          <button disabled={busy} onClick={() => read(true)}>{t.keepMine}</button>
        </div>
      )}
      {member && (
        <form class="adjust" onSubmit={save}>
          <label>{t.unitsOf}
            <input name="capacity" type="number" min={0} max={MOST_UNITS} required aria-invalid={wrong.includes('capacity')} value={terms.capacity ?? 0}
              onInput={(e) => change({ capacity: Number(e.currentTarget.value) })} />
          </label>
          <Profiles all={member.profiles ?? []} terms={terms} change={change} />
          <Skills all={member.skills ?? []} terms={terms} change={change} />
          <fieldset>
            <legend>{t.queues}</legend>
            {member.queues?.map((q) => (
              <label key={q.id}><input type="checkbox" name="queue" value={q.id} checked={!!terms.queues?.includes(q.id ?? '')}
                onChange={(e) => change({ queues: [...(terms.queues ?? []).filter((x) => x !== q.id), ...(e.currentTarget.checked ? [q.id ?? ''] : [])] })} /> <span dir="auto">{q.displayName || q.id}</span></label>
            ))}
          </fieldset>
          <p class="quiet">{t.adjustKept}</p>
          <div class="buttons">
            <button type="button" onClick={shut}>{t.cancel}</button>
            <button class="primary" disabled={busy || theirs}>{t.adjustSave}</button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

interface Part<T> { all: T[]; terms: CrewTerms; change: (c: Partial<CrewTerms>) => void }

// Profiles limit how many conversations of a sort the agent has at once.
function Profiles({ all, terms, change }: Part<CapacityProfile>) {
  const { t } = useAloft();
  const has = terms.profiles ?? [];
  if (!all.length) return null;
  return (
    <fieldset>
      <legend>{t.profilesOf}</legend>
      {all.map((p) => {
        const id = p.meta?.id ?? '';
        const mine = has.find((x) => x.profile === id);
        const rest = has.filter((x) => x !== mine);
        return (
          <span key={id} class="one">
            <label><input type="checkbox" name="profile" value={id} checked={!!mine} onChange={(e) => change({ profiles: e.currentTarget.checked ? [...rest, { profile: id }] : rest })} /> <span dir="auto">{named(p)}</span></label>
            {mine && <input type="number" min={1} max={MOST_LIMIT} aria-label={t.limitOf(named(p))} placeholder={String(p.limit ?? '')} value={mine.limit || ''}
              onInput={(e) => change({ profiles: has.map((x) => (x === mine ? { profile: id, ...(e.currentTarget.value ? { limit: Number(e.currentTarget.value) } : {}) } : x)) })} />}
          </span>
        );
      })}
    </fieldset>
  );
}

// Skills are what the agent knows, and how well.
function Skills({ all, terms, change }: Part<Skill>) {
  const { t } = useAloft();
  const has = terms.skills ?? [];
  if (!all.length) return null;
  return (
    <fieldset>
      <legend>{t.levels}</legend>
      {all.map((s) => {
        const id = s.meta?.id ?? '';
        const mine = has.find((x) => x.skill === id);
        const rest = has.filter((x) => x !== mine);
        const [lowest, highest] = scale(s);
        return (
          <span key={id} class="one">
            <label><input type="checkbox" name="skill" value={id} checked={!!mine} onChange={(e) => change({ skills: e.currentTarget.checked ? [...rest, { skill: id, value: lowest }] : rest })} /> <span dir="auto">{named(s)}</span></label>
            {mine && (
              <select aria-label={t.levelOf(named(s))} value={mine.value || lowest} onChange={(e) => change({ skills: has.map((x) => (x === mine ? { skill: id, value: Number(e.currentTarget.value) } : x)) })}>
                {Array.from({ length: highest - lowest + 1 }, (_, i) => lowest + i).map((n) => <option key={n} value={n}>{s.ratings?.find((r) => r.value === n)?.name || n}</option>)}
              </select>
            )}
          </span>
        );
      })}
    </fieldset>
  );
}
