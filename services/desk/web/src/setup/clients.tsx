// Programs that call the admin API: made, turned and revoked. A token is told once.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiClient, CreateClientResponse, ListClientsResponse, RotateClientResponse } from './types.gen';
import { ask, idOf, nameOf } from './admin';
import { Ask, Copy, may, said, stamp, Told, useAct, useEvery, useRoom, type Words } from './room';

const LOOK_MS = 10_000;
const DAY_MS = 86_400_000;
const LIVES = [7, 30, 90, 180, 366]; // days
const OVERLAPS = [0, 1, 7];
const SOON_MS = 14 * DAY_MS;

// SCOPES are what a program can be given, by what it is about; ROLES are several of
// them at once (pkg/rights).
export const SCOPES = {
  config: ['config.read', 'config.write', 'secret.reveal', 'key.write'],
  operate: ['operate.read', 'letter.settle', 'queue.pause', 'crew.adjust', 'variable.write', 'backup.read'],
  people: ['contact.read', 'contact.write', 'transcript.read', 'privacy.read', 'privacy.erase', 'privacy.export'],
  access: ['audit.read', 'session.end', 'client.manage'],
} as const;
const ROLES = ['crm', 'auditor', 'operator', 'admin'];
const BY_QUEUE = ['crew.adjust', 'queue.pause'];

const key = (scope: string): string => `s_${scope.replace('.', '_')}`;

// Fresh is a token that was just made.
interface Fresh { client: ApiClient; token: string }

export function Clients() {
  const { t } = useRoom();
  const [all, setAll] = useState<ApiClient[]>();
  const [making, make] = useState(false);
  const [fresh, setFresh] = useState<Fresh>();
  const [turned, turn] = useState<ApiClient>();
  const [revoked, revoke] = useState<ApiClient>();
  const read = async () => setAll((await ask<ListClientsResponse>('Client', 'ListClients')).clients ?? []);
  useEvery(LOOK_MS, read);
  const again = () => void read().catch(() => undefined);
  const given = (got: Fresh) => {
    make(false);
    turn(undefined);
    setFresh(got);
    again();
  };
  return (
    <>
      {fresh && <Token key={fresh.token} fresh={fresh} onDone={() => setFresh(undefined)} />}
      <section class="card-of" data-part="clients">
        <div class="head-of">
          <h2>{t.clients}</h2>
          {!making && <button class="primary" data-deed="new-client" onClick={() => make(true)}>{t.newClient}</button>}
        </div>
        <p class="quiet">{t.clientsLead}</p>
        {making && <Make onMade={given} onClose={() => make(false)} />}
        {!all && <p class="quiet" role="status">{t.loading}</p>}
        {all?.length === 0 && <p class="quiet">{t.nothingYet}</p>}
        {all?.map((c) => <One key={c.id} c={c} onTurn={() => turn(c)} onRevoke={() => revoke(c)} />)}
      </section>
      {turned && <Turn c={turned} onTurned={given} onClose={() => turn(undefined)} />}
      {revoked && <Revoke c={revoked} onClose={() => { revoke(undefined); again(); }} />}
    </>
  );
}

// Token is a new token: told this once, and gone with the section.
function Token({ fresh, onDone }: { fresh: Fresh; onDone: () => void }) {
  const { t } = useRoom();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  return (
    <section class="card-of" data-part="token" role="status">
      <h2>{t.tokenOf(fresh.client.id ?? '')}</h2>
      <p>{t.tokenOnce}</p>
      <div class="copy-of">
        <label>{t.token}<input ref={field} name="token" readOnly value={fresh.token} autocomplete="off" spellcheck={false} onFocus={(e) => e.currentTarget.select()} /></label>
        <Copy text={fresh.token} />
      </div>
      <p class="quiet">{t.tokenUntil(stamp(fresh.client.tokens?.[0]?.untilMs, t))}</p>
      <button data-deed="kept" onClick={onDone}>{t.tokenKept}</button>
    </section>
  );
}

// standing is how a client stands: its text and its tone.
function standing(c: ApiClient): ['clientRevoked' | 'clientOver' | 'clientEnds' | 'clientGood', string] {
  const until = Number(c.tokens?.[0]?.untilMs ?? 0);
  if (Number(c.revokedMs)) return ['clientRevoked', 'red'];
  if (until < Date.now()) return ['clientOver', 'red'];
  return until < Date.now() + SOON_MS ? ['clientEnds', 'amber'] : ['clientGood', 'good'];
}

function One({ c, onTurn, onRevoke }: { c: ApiClient; onTurn: () => void; onRevoke: () => void }) {
  const { t, world } = useRoom();
  const [how, tone] = standing(c);
  const used = Math.max(0, ...(c.tokens ?? []).map((one) => Number(one.usedMs ?? 0)));
  const queues = c.queues?.map((id) => nameOf(world.queue.find((q) => idOf(q) === id)) || id) ?? [];
  const facts: [string, string][] = [
    [t.lastUsed, used ? stamp(String(used), t) : t.neverUsed],
    [t.goodUntil, (c.tokens ?? []).map((one) => stamp(one.untilMs, t)).join(' · ')],
    [t.f_queues, queues.join(', ')],
    [t.cameFrom, c.addresses?.join(', ') ?? ''],
    [t.madeBy, `${c.createdBy ?? ''}, ${stamp(c.createdMs, t)}`],
    [t.revokedAt, stamp(c.revokedMs, t)],
  ];
  return (
    <article class="page-of" data-client={c.id}>
      <h3>{c.displayName || c.id} <code>{c.id}</code> <span class={`badge ${tone}`} data-state={how}>{t[how]}</span></h3>
      <ul class="scopes">{c.scopes?.map((s) => <li key={s}><code>{s}</code> {said(t, key(s))}</li>)}</ul>
      <dl class="facts">{facts.filter(([, v]) => v).map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
      {!Number(c.revokedMs) && (
        <div class="buttons">
          <button data-deed="turn" onClick={onTurn}>{t.turnToken}<span class="sr">: {c.id}</span></button>
          <button data-deed="revoke" onClick={onRevoke}>{t.revoke}<span class="sr">: {c.id}</span></button>
        </div>
      )}
    </article>
  );
}

function Turn({ c, onTurned, onClose }: { c: ApiClient; onTurned: (f: Fresh) => void; onClose: () => void }) {
  const { t } = useRoom();
  const [days, setDays] = useState(1);
  const { busy, trouble, act } = useAct();
  const turn = () => void act(async () => {
    const got = await ask<RotateClientResponse>('Client', 'RotateClient', { id: c.id, overlapMs: String(days * DAY_MS) });
    onTurned({ client: got.client ?? c, token: got.token ?? '' });
  });
  return (
    <Ask title={t.turnThis(c.id ?? '')} yes={t.turnToken} busy={busy} onYes={turn} onClose={onClose}>
      <label class="field">{t.overlap}
        <select name="overlap" value={days} onChange={(e) => setDays(Number(e.currentTarget.value))}>
          {OVERLAPS.map((n) => <option key={n} value={n}>{n ? t.daysMore(n) : t.atOnce}</option>)}
        </select>
      </label>
      <Told trouble={trouble} />
    </Ask>
  );
}

function Revoke({ c, onClose }: { c: ApiClient; onClose: () => void }) {
  const { t } = useRoom();
  const { busy, trouble, act } = useAct();
  const revoke = () => void act(() => ask('Client', 'RevokeClient', { id: c.id })).then((ok) => ok && onClose());
  return (
    <Ask title={t.revokeThis(c.id ?? '')} yes={t.revoke} danger busy={busy} onYes={revoke} onClose={onClose}>
      <p>{t.revokeLead}</p>
      <Told trouble={trouble} />
    </Ask>
  );
}

function Make({ onMade, onClose }: { onMade: (f: Fresh) => void; onClose: () => void }) {
  const { t, world } = useRoom();
  const [given, give] = useState({ id: '', displayName: '', addresses: '', days: 90 });
  const [scopes, setScopes] = useState<string[]>([]);
  const [queues, setQueues] = useState<string[]>([]);
  const { busy, trouble, act } = useAct();
  const bound = scopes.length > 0 && scopes.every((s) => BY_QUEUE.includes(s));
  const make = () => void act(async () => {
    const { id, displayName, addresses, days } = given;
    const client = { id, displayName, scopes, queues: bound ? queues : [], addresses: addresses.split(/[\s,]+/).filter(Boolean), lifeMs: String(days * DAY_MS) };
    const got = await ask<CreateClientResponse>('Client', 'CreateClient', { client });
    onMade({ client: got.client ?? client, token: got.token ?? '' });
  });
  const text = (name: 'id' | 'displayName' | 'addresses', label: string, hint: string, required = false) => (
    <label class="field">{label}
      <input name={name} value={given[name]} required={required} autocomplete="off" spellcheck={false} onInput={(e) => give({ ...given, [name]: e.currentTarget.value })} />
      <small class="quiet">{hint}</small>
    </label>
  );
  return (
    <form class="editor made" data-part="make" onSubmit={(e) => { e.preventDefault(); make(); }}>
      {text('id', t.f_id, t.clientIdHint, true)}
      {text('displayName', t.f_description, '')}
      <Scopes t={t} chosen={scopes} choose={setScopes} />
      {bound && <Several legend={t.onlyQueues} all={world.queue.map((q) => [idOf(q), nameOf(q)])} chosen={queues} choose={setQueues} />}
      {text('addresses', t.onlyFrom, t.onlyFromHint)}
      <label class="field">{t.lifeOf}
        <select name="days" value={given.days} onChange={(e) => give({ ...given, days: Number(e.currentTarget.value) })}>{LIVES.map((n) => <option key={n} value={n}>{t.daysOf(n)}</option>)}</select>
      </label>
      <Told trouble={trouble} />
      <div class="buttons">
        <button class="primary" disabled={busy || !scopes.length}>{t.create}</button>
        <button type="button" onClick={onClose}>{t.cancel}</button>
      </div>
    </form>
  );
}

// Scopes are what the program may, of what its maker may.
function Scopes({ t, chosen, choose }: { t: Words; chosen: string[]; choose: (all: string[]) => void }) {
  const { me } = useRoom();
  const mine = (all: readonly string[]): [string, string][] => all.filter((s) => may(me, s)).map((s) => [s, said(t, key(s)) ?? s]);
  return (
    <>
      <Several legend={t.roleScopes} all={ROLES.map((r) => [r, said(t, key(r)) ?? r])} chosen={chosen} choose={choose} />
      {Object.entries(SCOPES).map(([group, all]) => <Several key={group} legend={said(t, `sg_${group}`) ?? group} all={mine(all)} chosen={chosen} choose={choose} />)}
    </>
  );
}

function Several({ legend, all, chosen, choose }: { legend: string; all: [string, string][]; chosen: string[]; choose: (all: string[]) => void }) {
  if (!all.length) return null;
  return (
    <fieldset class="field">
      <legend>{legend}</legend>
      {all.map(([id, text]) => (
        <label key={id} class="live">
          <input type="checkbox" name={id} checked={chosen.includes(id)} onChange={(e) => choose(e.currentTarget.checked ? [...chosen, id] : chosen.filter((c) => c !== id))} />
          <span>{text} <code>{id}</code></span>
        </label>
      ))}
    </fieldset>
  );
}
