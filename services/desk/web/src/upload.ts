// Files on their way to the desk. They go in pieces, one file after another; a
// line that breaks costs a piece, and what was refused says why. A reload keeps
// what the desk has: its uploads are noted in the tab. Of a file that was on its
// way the rest is lost with the page, and goes on when it is chosen again.
import type { ConversationView } from './types.gen';
import type { Chosen } from './model';
import type { Desk } from './desk';
import { filesKey, idOf, num } from './model';

const PIECE = 512 << 10;
const PATIENCE_MS = 60_000;
const LONGEST_MS = 8_000;
// Tries without any progress before the agent is asked.
const TRIES = 6;

// Refused is an answer that another try would not change.
class Refused extends Error {
  constructor(readonly reason: string) {
    super(reason);
  }
}

interface Held {
  name: string;
  size: number;
  // Not there after a reload.
  file?: File;
  stop: AbortController;
}

const held = new Map<string, Held>();
let last = Promise.resolve();

// choose takes files of the agent's for a conversation and begins to upload
// those that may be sent.
export function choose(desk: Desk, view: ConversationView, files: readonly File[]): void {
  const limits = view.files;
  if (!limits) return;
  for (const file of files) {
    const cut = (desk.state.files[idOf(view)] ?? []).find((x) => x.error === 'UPLOAD_BROKE' && x.name === file.name && x.size === file.size);
    if (cut) {
      held.set(cut.key, { name: file.name, size: file.size, file, stop: new AbortController() });
      begin(desk, view, cut.key, cut.id);
      continue;
    }
    const picture = file.type.startsWith('image/');
    const most = num(picture ? limits.pictureBytes : limits.bytes);
    const sort = /\.(\w+)$/.exec(file.name)?.[1]?.toLowerCase() ?? '';
    const error = !limits.types?.includes(sort) ? 'TYPE_NOT_ALLOWED' : file.size === 0 ? 'EMPTY' : file.size > most ? 'TOO_LARGE' : '';
    const one: Chosen = {
      key: crypto.randomUUID(), name: file.name, size: file.size, most, sent: 0, state: error ? 'refused' : 'going', error,
      url: picture && !error ? URL.createObjectURL(file) : '',
    };
    desk.enclose(idOf(view), (all) => [...all, one]);
    if (error) continue;
    held.set(one.key, { name: file.name, size: file.size, file, stop: new AbortController() });
    begin(desk, view, one.key);
  }
}

// restore takes up what was chosen for a conversation before a reload.
export function restore(desk: Desk, view: ConversationView): void {
  for (const { id, name, size } of JSON.parse(sessionStorage.getItem(filesKey(desk.state.me.agent, idOf(view))) ?? '[]') as Noted[]) {
    if ((desk.state.files[idOf(view)] ?? []).some((x) => x.id === id)) continue;
    const one: Chosen = { key: crypto.randomUUID(), id, name, size, most: size, sent: 0, state: 'going', error: '', url: '' };
    desk.enclose(idOf(view), (all) => [...all, one]);
    held.set(one.key, { name, size, stop: new AbortController() });
    begin(desk, view, one.key, id);
  }
}

// note has the tab know which uploads go with the next message of a conversation.
function note(desk: Desk, view: ConversationView): void {
  const all = (desk.state.files[idOf(view)] ?? []).filter((x) => x.id && (x.state !== 'refused' || x.error === 'UPLOAD_BROKE'));
  const at = filesKey(desk.state.me.agent, idOf(view));
  if (all.length) sessionStorage.setItem(at, JSON.stringify(all.map(({ id, name, size }) => ({ id, name, size }))));
  else sessionStorage.removeItem(at);
}

interface Noted {
  id: string;
  name: string;
  size: number;
}

// sent forgets files that are a message's now.
export function sent(desk: Desk, view: ConversationView, files: readonly Chosen[]): void {
  files.forEach(free);
  note(desk, view);
}

// again has another try at a file that could not be uploaded.
export const again = (desk: Desk, view: ConversationView, one: Chosen): void => begin(desk, view, one.key, one.id);

// drop forgets a file, here and at the desk.
export function drop(desk: Desk, view: ConversationView, one: Chosen): void {
  held.get(one.key)?.stop.abort();
  if (one.id) void fetch(`/uploads/${one.id}`, { method: 'DELETE' }).catch(() => undefined);
  desk.enclose(idOf(view), (all) => all.filter((x) => x.key !== one.key));
  sent(desk, view, [one]);
}

// free gives back what a file takes in this browser.
function free(one: Chosen): void {
  held.delete(one.key);
  if (one.url) URL.revokeObjectURL(one.url);
}

function begin(desk: Desk, view: ConversationView, key: string, id?: string): void {
  const change = (c: Partial<Chosen>) => {
    desk.enclose(idOf(view), (all) => all.map((x) => (x.key === key ? { ...x, ...c } : x)));
    if (c.id || c.state) note(desk, view);
  };
  change({ state: 'going', error: '' });
  last = last.then(() => bring(view, key, id, change)).catch(() => undefined);
}

// bring uploads one file, however often the line breaks.
async function bring(view: ConversationView, key: string, known: string | undefined, change: (c: Partial<Chosen>) => void): Promise<void> {
  const one = held.get(key);
  if (!one) return;
  let id = known;
  let at = 0;
  for (let tries = 0; ; tries++) {
    try {
      id ??= await open(view, one);
      change({ id, error: '' });
      at = await offset(id, one);
      for (;;) {
        if (!one.file && at < one.size) return change({ sent: at, state: 'refused', error: 'UPLOAD_BROKE' });
        const next = await piece(id, one, at);
        change({ sent: next });
        if (next === one.size) return change({ state: 'done' });
        if (next > at) tries = 0;
        at = next;
      }
    } catch (e) {
      if (one.stop.signal.aborted) return;
      const reason = e instanceof Refused ? e.reason : '';
      if (reason === 'NO_SUCH_UPLOAD' && id && one.file && tries < TRIES) {
        id = undefined; // it has lapsed
        continue;
      }
      if (reason) return change(reason === 'SCAN_FAILED' ? { state: 'failed', error: reason } : { state: 'refused', error: reason });
      if (tries >= TRIES) return change({ state: 'failed', error: 'UPLOAD_BROKE' });
      change({ error: 'UPLOAD_WAITS' });
      await pause(Math.min(LONGEST_MS, 500 * 2 ** tries));
    }
  }
}

async function ask(method: string, path: string, one: Held, body?: BodyInit, headers?: Record<string, string>): Promise<Response> {
  const signal = AbortSignal.any([one.stop.signal, AbortSignal.timeout(PATIENCE_MS)]);
  const answer = await fetch(path, { method, body, headers, signal, credentials: 'same-origin' });
  if (answer.ok || answer.status === 409) return answer;
  const said = (await answer.json().catch(() => ({}))) as { reason?: string };
  const passes = answer.status >= 500 && said.reason !== 'SCAN_FAILED';
  if (passes || answer.status === 408) throw new Error('later');
  throw new Refused(said.reason || (answer.status === 404 ? 'NO_SUCH_UPLOAD' : 'notTaken'));
}

async function open(view: ConversationView, one: Held): Promise<string> {
  const { page, psid, conversation } = view.ref ?? {};
  const body = JSON.stringify({ page, psid, conversation, name: one.name, size: one.size });
  return ((await (await ask('POST', '/uploads', one, body, { 'Content-Type': 'application/json' })).json()) as { id: string }).id;
}

const offsetOf = (a: Response): number => Number(a.headers.get('Upload-Offset') ?? 0);
const offset = async (id: string, one: Held): Promise<number> => offsetOf(await ask('HEAD', `/uploads/${id}`, one));

// piece sends the next piece and gives how much the desk has then. One that is
// whole is not done before the desk has looked at it.
async function piece(id: string, one: Held, at: number): Promise<number> {
  const answer = await ask('PATCH', `/uploads/${id}`, one, one.file?.slice(at, at + PIECE),
    { 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(at) });
  const next = offsetOf(answer);
  if (next === one.size && answer.status !== 200) throw new Error('later');
  return next;
}

// pause ends early when the browser is back on line.
function pause(ms: number): Promise<void> {
  return new Promise((go) => {
    const timer = setTimeout(go, ms);
    addEventListener('online', () => (clearTimeout(timer), go()), { once: true });
  });
}
