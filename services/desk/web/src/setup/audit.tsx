// Who did what that not everybody may: found by filters, live, and verified.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { AuditRecord as Entry, Change, GetVersionResponse, ListRecordsResponse, RecordFilter } from './types.gen';
import { ask, idOf, nameOf, type World } from './admin';
import { Changes, Differences } from './diff';
import { word } from './fields';
import { Verify } from './verify';
import { said, Told, useAct, useEvery, useRoom, type Words } from './room';

const PAGE = 50;
const MOST = 1000;
const LIVE_MS = 2_000;
const SHOWN = 3; // things of one record in its line

// Wanted is which records are shown, as the fields of the form have it. Who the
// customer is stays out of the address.
interface Wanted { actor: string; kind: string; object: string; from: string; until: string; page: string; psid: string }

const NOTHING: Wanted = { actor: '', kind: '', object: '', from: '', until: '', page: '', psid: '' };
const SHARED = ['actor', 'kind', 'object', 'from', 'until'] as const;

// asked is what a link asks for.
function asked(): Wanted {
  const said = new URLSearchParams(location.hash.split('/')[2] ?? '');
  return { ...NOTHING, ...Object.fromEntries(SHARED.map((k) => [k, said.get(k) ?? ''])) };
}

// keep puts it into the address, so that it survives a reload and can be sent.
function keep(w: Wanted): void {
  const some = new URLSearchParams(SHARED.filter((k) => w[k]).map((k) => [k, w[k]]));
  history.replaceState(history.state, '', `#/audit${some.size ? `/${some}` : ''}`);
}

const ms = (local: string): string | undefined => (local ? String(new Date(local).getTime()) : undefined);

function filterOf(w: Wanted): RecordFilter {
  const customer = w.psid.trim() ? { page: w.page, psid: w.psid.trim() } : {};
  return Object.fromEntries(Object.entries({ actor: w.actor.trim(), kind: w.kind, object: w.object.trim(), fromMs: ms(w.from), untilMs: ms(w.until), ...customer }).filter(([, v]) => v));
}

export function Audit() {
  const { t } = useRoom();
  const [wanted, want] = useState(asked);
  const [all, setAll] = useState<Entry[]>();
  const [token, setToken] = useState('');
  const [live, setLive] = useState(true);
  const [late, setLate] = useState(false);
  const end = useRef('0'); // up to which number was looked
  const turn = useRef(0); // what an earlier filter finds is not shown
  const { busy, trouble, act } = useAct();

  const list = (more: object): Promise<ListRecordsResponse> => ask('Audit', 'ListRecords', { filter: filterOf(wanted), pageSize: PAGE, ...more });
  const read = (pageToken: string) => act(async () => {
    const mine = pageToken ? turn.current : ++turn.current;
    const got = await list({ pageToken });
    if (mine !== turn.current) return;
    if (!pageToken) end.current = got.end ?? '0';
    setToken(got.nextPageToken ?? '');
    setAll((before) => [...(pageToken ? before ?? [] : []), ...(got.records ?? [])]);
  });
  const again = (w: Wanted) => {
    want(w);
    keep(w);
    setAll(undefined);
  };
  useEffect(() => void (all || read('')), [all === undefined]);
  useEvery(LIVE_MS, async () => {
    if (!live || !all) return;
    const mine = turn.current;
    try {
      const fresh: Entry[] = [];
      let up = '';
      let pageToken = '';
      do {
        const got = await list({ after: end.current, pageSize: MOST, pageToken });
        up ||= got.end ?? '0';
        fresh.push(...(got.records ?? []));
        pageToken = got.nextPageToken ?? '';
      } while (pageToken);
      if (mine !== turn.current) return;
      end.current = up;
      if (fresh.length) setAll((before) => [...fresh, ...(before ?? [])]);
      setLate(false);
    } catch {
      setLate(true);
    }
  }, [live, !all, turn.current]);

  const undone = new Map(all?.filter((r) => r.undone).map((r) => [r.undone!, r]));
  return (
    <>
      <Verify />
      <section class="card-of" data-part="records">
        <div class="head-of">
          <h2>{t.audit}</h2>
          <label class="live"><input type="checkbox" checked={live} onChange={(e) => setLive(e.currentTarget.checked)} /> {t.auditLive}</label>
        </div>
        <p class="quiet">{t.auditLead}</p>
        <Filter wanted={wanted} busy={busy} onWant={again} />
        <Told trouble={trouble} />
        {live && late && <p class="waits" role="status">{t.auditLate}</p>}
        <p class="quiet" role="status">{!all ? t.loading : !all.length ? token ? t.noneYet : t.noneSuch : t.recordsOf(all.length)}</p>
        <ol class="versions records">{all?.map((r) => <One key={r.number} r={r} undone={undone.get(r.number ?? '')} />)}</ol>
        {token && <button disabled={busy} data-deed="older" onClick={() => void read(token)}>{t.older}</button>}
      </section>
    </>
  );
}

// kinds are what can be recorded, by sort: those that have a text.
function kinds(t: Words): Map<string, string[]> {
  const all = new Map<string, string[]>();
  for (const key of Object.keys(t).filter((k) => k.startsWith('u_')).sort()) {
    const [, sort = '', rest = ''] = /^u_([a-z]+)_(\w+)$/.exec(key)!;
    all.set(sort, [...(all.get(sort) ?? []), `${sort}.${rest}`]);
  }
  return all;
}

const kindText = (kind: string, t: Words): string => said(t, `u_${kind.replace('.', '_')}`) ?? kind;

function Filter({ wanted, busy, onWant }: { wanted: Wanted; busy: boolean; onWant: (w: Wanted) => void }) {
  const { t, world } = useRoom();
  const [w, write] = useState(wanted);
  const [wrong, setWrong] = useState(false);
  const field = (name: keyof Wanted, text: string, more: object = {}) => (
    <label>{text}<input name={name} value={w[name]} spellcheck={false} autocomplete="off" {...more} onInput={(e) => write({ ...w, [name]: e.currentTarget.value })} /></label>
  );
  const show = (next: Wanted) => {
    const bad = !!next.from && !!next.until && Number(ms(next.until)) <= Number(ms(next.from));
    setWrong(bad);
    if (!bad) onWant(next);
  };
  return (
    <form class="filter" role="search" aria-label={t.audit} onSubmit={(e) => { e.preventDefault(); show({ ...w, page: w.page || String(world.page[0]?.pageId ?? '') }); }}>
      {field('actor', t.auditWho, { list: 'actors', placeholder: 'agent:elena' })}
      <datalist id="actors">{world.agent.map((a) => <option key={idOf(a)} value={`agent:${idOf(a)}`}>{nameOf(a)}</option>)}</datalist>
      <label>{t.auditWhat}
        <select name="kind" value={w.kind} onChange={(e) => write({ ...w, kind: e.currentTarget.value })}>
          <option value="">{t.everything}</option>
          {[...kinds(t)].map(([sort, all]) => (
            <optgroup key={sort} label={said(t, `us_${sort}`) ?? sort}>
              {all.length > 1 && <option value={sort}>{said(t, `us_${sort}`) ?? sort}: {t.allOfThem}</option>}
              {all.map((kind) => <option key={kind} value={kind}>{kindText(kind, t)}</option>)}
            </optgroup>
          ))}
        </select>
      </label>
      {field('object', t.auditAbout, { placeholder: 'queues/front' })}
      {world.page.length > 0 && (
        <label>{t.k_page}
          <select name="page" value={w.page || String(world.page[0]?.pageId)} onChange={(e) => write({ ...w, page: e.currentTarget.value })}>
            {world.page.map((p) => <option key={idOf(p)} value={String(p.pageId)}>{nameOf(p)}</option>)}
          </select>
        </label>
      )}
      {world.page.length > 0 && field('psid', t.psid)}
      {field('from', t.f_from, { type: 'datetime-local' })}
      {field('until', t.f_until, { type: 'datetime-local', 'aria-invalid': wrong, 'aria-describedby': 'until-wrong' })}
      <div class="buttons">
        <button class="primary" data-deed="show" disabled={busy}>{t.showRecords}</button>
        <button type="button" disabled={busy} onClick={() => { write(NOTHING); show(NOTHING); }}>{t.clearFilter}</button>
      </div>
      {wrong && <small class="wrong" id="until-wrong" role="alert">{t.vLater}</small>}
    </form>
  );
}

// who is an actor as people know them.
function who(actor: string | undefined, world: World, t: Words): string {
  if (!actor) return t.nobody;
  const agent = world.agent.find((a) => `agent:${idOf(a)}` === actor);
  return agent ? nameOf(agent) : actor;
}

const exact = (at: string | undefined, t: Words): string => new Date(Number(at ?? 0)).toLocaleString(t.lang, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' } as Intl.DateTimeFormatOptions);

function One({ r, undone }: { r: Entry; undone: Entry | undefined }) {
  const { t, world } = useRoom();
  const [open, setOpen] = useState(false);
  const things = r.objects ?? [];
  const more = things.length - SHOWN;
  const failed = r.undone ? r : undone;
  return (
    <li data-record={r.number} data-kind={r.kind}>
      <details onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>
          <b>{r.number}</b> <span>{exact(r.atMs, t)}</span> <span dir="auto">{who(r.actor, world, t)}</span>
          <span class="badge soft">{kindText(r.kind ?? '', t)}</span>
          {failed && <span class="badge red">{r.undone ? t.notDoneOf(r.undone) : t.notDone}</span>}
          {(r.times ?? 0) > 1 && <span class="badge soft">{t.timesOf(r.times ?? 0)}</span>}
          <span class="quiet">{things.slice(0, SHOWN).join(', ')}{more > 0 ? ` ${t.andMore(more)}` : ''}</span>
        </summary>
        {open && <Inside r={r} failed={failed} />}
      </details>
    </li>
  );
}

// Inside is all that a record has, with what became of what.
function Inside({ r, failed }: { r: Entry; failed: Entry | undefined }) {
  const { t } = useRoom();
  const [version, setVersion] = useState<Change[]>();
  const { trouble, act } = useAct();
  const of = Number(r.version) > 0 && !r.undone;
  useEffect(() => void (of && act(async () => setVersion((await ask<GetVersionResponse>('History', 'GetVersion', { number: r.version })).changes ?? []))), []);
  const facts: [string, string | undefined][] = [
    [t.auditWho, r.actor], [t.f_roles, r.roles?.map((x) => said(t, `o_${x}`) ?? x).join(', ')], [t.address, r.address],
    [t.reason, failed?.reason && (said(t, failed.reason) ?? failed.reason)], [t.auditAbout, r.objects?.join(', ')], [t.customerHash, r.person],
    [t.method, r.method?.split('.').pop()], [t.configVersion, Number(r.version) ? r.version : undefined], [t.trace, r.trace], [t.f_id, r.id],
  ];
  const changes = r.changes?.filter((c) => c.before || c.after) ?? [];
  return (
    <>
      <dl class="facts">{facts.filter(([, v]) => v).map(([name, v]) => <div key={name}><dt>{name}</dt><dd><code>{v}</code></dd></div>)}</dl>
      {of && !version && !trouble && <p class="quiet" role="status">{t.loading}</p>}
      <Told trouble={trouble} />
      {version ? <Changes changes={version} />
        : (!of || trouble) && changes.length > 0 && <Differences lines={changes.map((c) => ({ path: said(t, `f_${c.field}`) ?? c.field ?? '', before: word(c.before ?? '', t), after: word(c.after ?? '', t) }))} />}
    </>
  );
}
