// What the page knows, and how events change it: functions of (state, event)
// without effects.
import type { AgentStanding, ConversationRef, ConversationView, Event, Me, Notification, NotificationText, QueueFigure, TimelineItem } from './types.gen';
import type { LinkState } from './link';
import type { Entry } from './outbox';

// Thread is the part of a thread's history that is loaded.
export interface Thread {
  items: ReadonlyMap<string, TimelineItem>;
  // In the order shown.
  sorted: readonly TimelineItem[];
  // Cursor of the page before; '0' when there is none.
  next: string;
  loaded: boolean;
  // Which read of the history is awaited; 0 is none. An answer to any other is
  // too old: it may lack what was never streamed.
  reading: number;
  failed: boolean;
}

// Chosen is a file for the next message.
export interface Chosen {
  key: string;
  // Of the upload, once the desk knows of it.
  id?: string;
  name: string;
  size: number;
  // How large it may be.
  most: number;
  // Bytes that the desk has.
  sent: number;
  // A picture's address in this browser.
  url: string;
  state: 'going' | 'done' | 'failed' | 'refused';
  // Machine word of what is wrong, or of what it waits for.
  error: string;
}

// filesKey is where the tab notes the uploads that go with the next message.
export const filesKey = (agent: string | undefined, conversation: string) => `parley.files.${agent}.${conversation}`;

export interface State {
  // 'asking' until we know whether somebody is signed in.
  session: 'asking' | 'unreachable' | 'in' | 'out' | 'ended';
  // Why it has ended, in machine words.
  why: string;
  me: Me;
  link: LinkState;
  linkSince: number;
  // Why the link is down, in machine words.
  linkWhy: string;
  // The first snapshot has come.
  ready: boolean;
  // This tab makes the noise.
  lead: boolean;
  // Server's clock minus ours, ms.
  skew: number;
  views: ReadonlyMap<string, ConversationView>;
  threads: ReadonlyMap<string, Thread>;
  standing: AgentStanding;
  // How full the agent's queues are.
  queues: readonly QueueFigure[];
  outbox: readonly Entry[];
  // Conversation shown; '' is none.
  open: string;
  // Waiting conversations that were opened from the list, in order.
  peeked: readonly string[];
  // Newest message time seen by the agent, by conversation.
  seen: Readonly<Record<string, number>>;
  section: 'mine' | 'waiting' | 'open';
  // The work of an agent, or the supervisor's view of everybody's.
  place: 'desk' | 'floor';
  query: string;
  // Which conversations of the list are shown besides; all where there is none.
  keep?: ((v: ConversationView) => boolean) | undefined;
  // What the agent had seen of the open conversation when it was opened or looked at
  // again, and more had come; 0: nothing had.
  since: number;
  // Message that the next one answers, by conversation.
  quotes: Readonly<Record<string, TimelineItem>>;
  toQueue?: boolean; // handing over begins with queues
  // Files for the next message, by conversation.
  files: Readonly<Record<string, readonly Chosen[]>>;
  // Commands in flight, "<action> <conversation>".
  busy: ReadonlySet<string>;
  // A failed command, in machine words; shown until dismissed.
  notice: string;
}

export const empty: State = {
  session: 'asking', why: '', me: {}, link: 'connecting', linkSince: 0, linkWhy: '', ready: false, lead: false, skew: 0,
  views: new Map(), threads: new Map(), standing: {}, queues: [], outbox: [], open: '', peeked: [], seen: {},
  section: 'mine', place: 'desk', query: '', since: 0, quotes: {}, files: {}, busy: new Set(), notice: '',
};

const noThread: Thread = { items: new Map(), sorted: [], next: '', loaded: false, reading: 0, failed: false };

export const num = (s: string | undefined): number => Number(s ?? 0);
export const idOf = (v: { ref?: ConversationRef }): string => v.ref?.conversation ?? '';
export const threadKey = (r: ConversationRef | undefined): string => `${r?.page} ${r?.psid}`;
export const supervises = (me: Me): boolean => me.roles?.includes('supervisor') ?? false;
export const answers = (me: Me): boolean => me.roles?.includes('agent') ?? false;
export const may = (v: ConversationView, action: string): boolean => v.allowed?.includes(action) ?? false;
export const threadOf = (s: State, r: ConversationRef | undefined): Thread => s.threads.get(threadKey(r)) ?? noThread;

// apply folds one event of the stream.
export function apply(s: State, e: Event): State {
  if (e.snapshot) {
    const views = new Map((e.snapshot.conversations ?? []).map((v) => [idOf(v), v]));
    const at = num(e.snapshot.nowMs);
    const next: State = { ...s, ready: true, views, threads: afterGap(s, views), standing: e.snapshot.standing ?? s.standing, queues: e.snapshot.queues?.queues ?? [] };
    return tidy(at ? { ...next, skew: at - Date.now() } : next);
  }
  if (e.conversation) return withView(s, e.conversation);
  if (e.removed) {
    const views = new Map(s.views);
    views.delete(e.removed.conversation ?? '');
    // What is said from now on is not told here: should the thread come back,
    // it is read anew.
    const threads = new Map(s.threads);
    threads.delete(threadKey(e.removed));
    return tidy({ ...s, views, threads });
  }
  if (e.timeline?.item) return withItems(s, e.timeline.ref, [e.timeline.item]);
  if (e.standing) return { ...s, standing: e.standing };
  if (e.queues) return { ...s, queues: e.queues.queues ?? [] };
  if (e.heartbeat?.nowMs) return { ...s, skew: num(e.heartbeat.nowMs) - Date.now() };
  return s;
}

// afterGap is what is left of the histories when something may have been
// missed: those still shown, to be read again.
function afterGap(s: State, views: State['views']): State['threads'] {
  const shown = new Set([...views.values()].map((v) => threadKey(v.ref)));
  return new Map([...s.threads].filter(([k]) => shown.has(k)).map(([k, t]) => [k, { ...t, loaded: false, reading: 0 }]));
}

// withView takes a conversation as it stands; an older copy changes nothing.
export function withView(s: State, v: ConversationView): State {
  const old = s.views.get(idOf(v));
  if (old && BigInt(old.revision ?? 0) > BigInt(v.revision ?? 0)) return s;
  const views = new Map(s.views);
  // Whatever is drawn by the reference stays as it is drawn.
  views.set(idOf(v), old ? { ...v, ref: old.ref } : v);
  return tidy({ ...s, views });
}

// tidy closes what refers to conversations that are gone.
function tidy(s: State): State {
  const shows = (id: string) => s.views.has(id) && !isOffer(s.views.get(id)!);
  const peeked = s.peeked.filter((id) => s.views.get(id)?.phase === 'PHASE_WAITING');
  let open = s.open;
  if (s.ready && open && !shows(open)) open = '';
  return { ...s, peeked: peeked.length === s.peeked.length ? s.peeked : peeked, open };
}

// withItems merges timeline items: of two copies the one changed later wins.
export function withItems(s: State, ref: ConversationRef | undefined, items: readonly TimelineItem[], page?: Partial<Thread>): State {
  const key = threadKey(ref);
  const old = s.threads.get(key) ?? noThread;
  const fresh = page?.items ?? old.items;
  const all = new Map(fresh);
  for (const item of items) {
    const had = all.get(item.id ?? '');
    if (had && BigInt(had.changedRevision ?? had.revision ?? 0) > BigInt(item.changedRevision ?? item.revision ?? 0)) continue;
    all.set(item.id ?? '', item);
  }
  const thread: Thread = { ...old, ...page, items: all, sorted: [...all.values()].sort(order) };
  const threads = new Map(s.threads);
  threads.set(key, thread);
  const done = new Set(items.map((i) => i.clientId).filter(Boolean));
  const outbox = s.outbox.some((x) => done.has(x.clientId)) ? s.outbox.filter((x) => !done.has(x.clientId)) : s.outbox;
  return { ...s, threads, outbox };
}

// withThread changes what is known about a thread, not its items.
export function withThread(s: State, ref: ConversationRef | undefined, change: Partial<Thread>): State {
  const threads = new Map(s.threads);
  threads.set(threadKey(ref), { ...threadOf(s, ref), ...change });
  return { ...s, threads };
}

function order(a: TimelineItem, b: TimelineItem): number {
  return num(a.atMs) - num(b.atMs) || num(a.revision) - num(b.revision) || (a.index ?? 0) - (b.index ?? 0);
}

// held says whether the agent holds a conversation: it is in hand, or set aside.
const held = (s: State, ref: ConversationRef): boolean => {
  const v = s.views.get(ref.conversation ?? '');
  return !!v && !isOffer(v);
};

// stranded are the texts of conversations that were taken from the agent: no
// place else shows them, and they must not be sent.
export const stranded = (s: State): Entry[] => (s.ready ? s.outbox.filter((e) => !held(s, e.ref)) : []);

const isOffer = (v: ConversationView): boolean => v.phase === 'PHASE_OPEN' || may(v, 'accept_consult');

// toldOf is how the agent is told of a conversation, in a language of the page or
// else the first that there is.
export function toldOf(v: ConversationView, lang: string): Notification & NotificationText {
  const all = v.notification?.texts;
  return { ...v.notification, ...(all?.find((x) => x.language?.startsWith(lang)) ?? all?.[0]) };
}

// invites are the conversations on which this agent is asked for advice.
export const invites = (s: State): ConversationView[] => [...s.views.values()].filter((v) => may(v, 'accept_consult'));

// offers are the conversations shown to this agent to take, oldest first.
export function offers(s: State): ConversationView[] {
  return [...s.views.values()]
    .filter((v) => v.offer && may(v, 'accept'))
    .sort((a, b) => num(a.offer?.madeMs) - num(b.offer?.madeMs));
}

// mine are the conversations in hand, and those of others that this agent has a
// part in: who waits for an answer first, the
// longest wait on top; then the newest.
export function mine({ views }: State): readonly ConversationView[] {
  let all = inHand.get(views);
  if (!all) inHand.set(views, all = [...views.values()].filter((v) => (v.phase === 'PHASE_ACTIVE' || v.phase === 'PHASE_WRAP_UP') && !isOffer(v)).sort(byNeed));
  return all;
}
// Half of the page asks for them at each drawing.
const inHand = new WeakMap<State['views'], readonly ConversationView[]>();

function byNeed(a: ConversationView, b: ConversationView): number {
  const need = (v: ConversationView) => (v.phase === 'PHASE_ACTIVE' && v.unanswered && !v.part ? 0 : 1);
  if (need(a) !== need(b)) return need(a) - need(b);
  return need(a) === 0 ? num(a.newestMs) - num(b.newestMs) : num(b.newestMs) - num(a.newestMs);
}

// waiting are the conversations set aside, newest first.
export function waiting(s: State): ConversationView[] {
  return [...s.views.values()].filter((v) => v.phase === 'PHASE_WAITING').sort((a, b) => num(b.newestMs) - num(a.newestMs));
}

// tabs are the conversations in hand in the order they opened, so that a tab
// keeps its number, then the waiting ones that were opened.
export function tabs(s: State): ConversationView[] {
  const inOrder = [...mine(s)].sort((a, b) => num(a.openedMs) - num(b.openedMs) || idOf(a).localeCompare(idOf(b)));
  const peeked = s.peeked.map((id) => s.views.get(id)).filter((v) => v !== undefined);
  return [...inOrder, ...peeked];
}

// unread is how many messages of the customer the agent has not looked at.
export function unread(s: State, v: ConversationView): number {
  return num(v.newestMs) > (s.seen[idOf(v)] ?? 0) ? v.unanswered ?? 0 : 0;
}

// trouble is why nothing can be sent from the page, or why the newest message
// whose fate is known is held up or failed; '' when neither is so.
export function trouble(s: State, v: ConversationView): string {
  if (v.pageTrouble) return v.pageTrouble;
  const last = threadOf(s, v.ref).sorted.findLast(
    (i) => i.author === 'AUTHOR_AGENT' && i.conversation === idOf(v) && (i.reason || i.delivery !== 'DELIVERY_SENDING'),
  );
  return (last?.delivery === 'DELIVERY_SENDING' || last?.delivery === 'DELIVERY_FAILED') && last.reason || '';
}

// windowOf is the reply window at a time of the server's clock: what the
// server said may have lapsed since.
export function windowOf(v: ConversationView, now: number): { kind: 'response' | 'human_agent' | 'closed'; left: number; until: number } {
  const until = num(v.window?.untilMs);
  const kind = v.window?.kind;
  if ((kind !== 'response' && kind !== 'human_agent') || until <= now) return { kind: 'closed', left: 0, until: 0 };
  return { kind, left: until - now, until };
}

// quotedBy is what an item answers.
export function quotedBy(items: ReadonlyMap<string, TimelineItem>, { replyTo: mid }: TimelineItem): TimelineItem | undefined {
  if (!mid || items.has(mid)) return items.get(mid ?? '');
  for (const i of items.values()) if (i.mids?.includes(mid)) return i;
  return undefined;
}
