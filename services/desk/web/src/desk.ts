// Desk is the page's one object with effects: it signs in, follows the stream,
// carries out commands and tells the views when the state changed.
import type {
  ConversationRef, ConversationView, Event, ListConversationsResponse, ListTimelineResponse,
  Me, OpenItem, Presence, ShowOfferResponse, TimelineItem,
} from './types.gen';
import type { Ask, Word } from './link';
import { call, Failure } from './transport';
import { openWire } from './wire';
import * as outbox from './outbox';
import { dropDraft, dropPresence, loadPresence, savePresence } from './prefs';
import {
  answers, apply, empty, idOf, may, mine, num, stranded, supervises, tabs, threadOf, unread, windowOf, withItems, withThread, withView, type Chosen, type State,
} from './model';

// How long events of the server are gathered before the page is drawn again:
// nobody reads faster, and drawing at each event costs a third of a core.
const BATCH_MS = 100;
const BATCH_HIDDEN_MS = 250;
const PAGE = 60;
// Messenger shows a page typing for 20 seconds.
const TYPING_MS = 15_000;

// Turned is why somebody was not let in; wait is after how many seconds to try
// again.
export interface Turned {
  word: 'wrongPassword' | 'tryLater' | 'NO_ROLE' | 'TOO_MANY_TRIES' | 'AUDIT_AWAY';
  wait: number;
}

export type Action = 'End' | 'Close' | 'Park' | 'Resume' | 'Release' | 'Leave';

export class Desk {
  state: State = empty;
  readonly #listeners = new Set<() => void>();
  readonly #ask: (a: Ask) => void;
  #pending: Event[] = [];
  #batch = 0;
  #flushing = false;
  #flushTimer = 0;
  #lapsed = new Set<string>();
  #reads = 0;
  // A word about this agent has come since signing in.
  #joined = false;

  // script is the address of the page's script, which its worker runs too.
  constructor(script: string) {
    this.#ask = openWire(script, (w) => this.#hear(w));
    addEventListener('online', () => this.#ask({ t: 'online' }));
    addEventListener('offline', () => this.#ask({ t: 'offline' }));
    addEventListener('focus', () => this.#ask({ t: 'focus' }));
    addEventListener('pagehide', () => this.#ask({ t: 'bye' }));
    addEventListener('pageshow', (e) => {
      if (e.persisted && this.state.me.agent) this.#start(this.state.me.agent);
    });
    addEventListener('storage', (e) => {
      const agent = this.state.me.agent;
      if (agent && outbox.touches(agent, e.key)) this.set({ outbox: outbox.load(agent) });
    });
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) return;
      this.#mark();
      this.#look();
    });
    setInterval(() => this.#checkWindows(), 5_000);
  }

  subscribe(f: () => void): () => void {
    this.#listeners.add(f);
    return () => void this.#listeners.delete(f);
  }

  set(change: Partial<State>): void {
    this.#put({ ...this.state, ...change });
  }

  #put(s: State): void {
    if (s === this.state) return;
    this.state = s;
    this.#listeners.forEach((f) => f());
  }

  now(): number {
    return Date.now() + this.state.skew;
  }

  // begin asks who is signed in, again and again while nobody answers.
  async begin(tries = 0): Promise<void> {
    try {
      const { me = {} } = await call<{ me?: Me }>('Session', 'WhoAmI', {});
      if (!answers(me) && !supervises(me)) return this.set({ session: 'ended', why: 'NO_ROLE' });
      this.#enter(me);
    } catch (e) {
      if (e instanceof Failure && e.over) {
        return this.set(e.reason === 'NOT_SIGNED_IN' ? { session: 'out' } : { session: 'ended', why: e.reason });
      }
      this.set({ session: 'unreachable' });
      setTimeout(() => void this.begin(tries + 1), Math.min(5_000, 500 * 2 ** tries));
    }
  }

  // signIn gives undefined, or what went wrong.
  async signIn(agent: string, password: string): Promise<Turned | undefined> {
    try {
      const { me } = await call<{ me?: Me }>('Session', 'SignIn', { agent, password });
      if (!me || !answers(me) && !supervises(me)) {
        await call('Session', 'SignOut', {}).catch(() => undefined);
        return { word: 'NO_ROLE', wait: 0 };
      }
      dropPresence(agent);
      this.#enter(me);
      return undefined;
    } catch (e) {
      if (e instanceof Failure && e.reason === 'TOO_MANY_TRIES') return { word: e.reason, wait: e.wait };
      const refused = e instanceof Failure && (e.code === 'unauthenticated' || e.code === 'permission_denied' || e.code === 'invalid_argument');
      const unrecorded = e instanceof Failure && e.reason === 'AUDIT_AWAY';
      return { word: refused ? 'wrongPassword' : unrecorded ? 'AUDIT_AWAY' : 'tryLater', wait: 0 };
    }
  }

  // signOut leaves nothing of what was being written in this tab for who comes next (SK8).
  async signOut(where: 'SignOut' | 'SignOutEverywhere' = 'SignOut'): Promise<void> {
    await call('Session', where, {}).catch(() => undefined);
    sessionStorage.clear();
    this.#ask({ t: 'stop' });
    this.#leave('out', '');
  }

  #enter(me: Me): void {
    const agent = me.agent ?? '';
    const seen = JSON.parse(localStorage.getItem(`parley.seen.${agent}`) ?? '{}') as State['seen'];
    const open = sessionStorage.getItem(`parley.open.${agent}`) ?? '';
    const place = supervises(me) && (!answers(me) || sessionStorage.getItem('parley.place') === 'floor') ? 'floor' : 'desk';
    this.#put({ ...empty, session: 'in', me, outbox: outbox.load(agent), seen, open, place, linkSince: Date.now() });
    this.#joined = false;
    this.#start(agent);
    if (document.hasFocus()) this.#ask({ t: 'focus' });
  }

  #start(agent: string): void {
    this.#ask({ t: 'start', agent, presence: loadPresence(agent) });
  }

  #leave(session: 'out' | 'ended', why: string): void {
    if (this.state.session !== 'in') return;
    this.#pending = [];
    this.#ask({ t: 'bye' });
    this.#put({ ...empty, session, why });
  }

  #hear(w: Word): void {
    if (w.t === 'lead') return this.set({ lead: w.on });
    if (this.state.session !== 'in') return;
    if (w.agent !== this.state.me.agent) {
      if (this.#joined) this.#leave('ended', 'otherAgent');
      return;
    }
    this.#joined = true;
    if (w.t === 'state') {
      if (w.state === 'signed_out') return this.#leave('ended', w.why ?? '');
      this.set({ link: w.state, linkSince: w.since, linkWhy: w.why ?? '' });
      if (w.state === 'live') this.#flush();
      return;
    }
    this.#pending.push(...w.events);
    // The first snapshot is what the agent waits for: draw it at once.
    if (!this.state.ready) return this.#settle();
    this.#batch ||= setTimeout(() => this.#settle(), document.hidden ? BATCH_HIDDEN_MS : BATCH_MS) as unknown as number;
  }

  #settle(): void {
    clearTimeout(this.#batch);
    this.#batch = 0;
    const events = this.#pending;
    this.#pending = [];
    const before = this.state;
    let s = before;
    for (const e of events) s = apply(s, e);
    if (events.some((e) => e.snapshot)) s = this.#afterSnapshot(s);
    this.#put(s);
    this.#forget(before);
    this.#strand();
    if (!before.ready) this.#flush();
    this.#look();
    if (s.open) this.#ensureThread();
  }

  // afterSnapshot opens what was open before.
  #afterSnapshot(s: State): State {
    const v = s.views.get(s.open);
    const peeked = v?.phase === 'PHASE_WAITING' && !s.peeked.includes(s.open) ? [...s.peeked, s.open] : s.peeked;
    const seen = Object.fromEntries(Object.entries(s.seen).filter(([id]) => s.views.has(id)));
    return { ...s, peeked, seen };
  }

  // forget cleans what the outbox kept of entries that the stream confirmed.
  #forget(before: State): void {
    const agent = this.state.me.agent ?? '';
    for (const e of before.outbox) {
      if (!this.state.outbox.some((x) => x.clientId === e.clientId)) outbox.remove(agent, e.clientId);
    }
  }

  // show opens a conversation.
  show(id: string): void {
    const v = this.state.views.get(id);
    const peeked = v?.phase === 'PHASE_WAITING' && !this.state.peeked.includes(id) ? [...this.state.peeked, id] : this.state.peeked;
    this.set({ open: id, peeked, notice: '', since: 0 });
    sessionStorage.setItem(`parley.open.${this.state.me.agent}`, id);
    this.#mark();
    this.#look();
    if (id) this.#ensureThread();
  }

  // go changes between an agent's work and the supervisor's view.
  go(place: State['place']): void {
    sessionStorage.setItem('parley.place', place);
    this.set({ place, notice: '' });
  }

  // unpeek closes the tab of a waiting conversation.
  unpeek(id: string): void {
    const all = tabs(this.state).map(idOf);
    const next = all[all.indexOf(id) - 1] ?? all[all.indexOf(id) + 1] ?? '';
    this.set({ peeked: this.state.peeked.filter((x) => x !== id) });
    if (this.state.open === id) this.show(next);
  }

  // next opens the next conversation with something unread.
  next(): void {
    const v = mine(this.state).find((x) => idOf(x) !== this.state.open && unread(this.state, x) > 0);
    if (v) this.show(idOf(v));
  }

  // mark keeps from where on what is open is new to the agent who comes to it.
  #mark(): void {
    const v = this.state.views.get(this.state.open);
    if (v && unread(this.state, v)) this.set({ since: this.state.seen[idOf(v)] ?? 0 });
  }

  // look notes that the agent sees what is open, and has the customer learn it of
  // whoever may write.
  #look(): void {
    const v = this.state.views.get(this.state.open);
    if (!v || document.hidden || num(v.newestMs) <= (this.state.seen[idOf(v)] ?? 0)) return;
    if (unread(this.state, v) > 0 && may(v, 'send')) this.signal(v.ref ?? {}, 'mark_seen');
    const seen = { ...this.state.seen, [idOf(v)]: num(v.newestMs) };
    localStorage.setItem(`parley.seen.${this.state.me.agent}`, JSON.stringify(seen));
    this.set({ seen });
  }

  #ensureThread(): void {
    const v = this.state.views.get(this.state.open);
    if (!v) return;
    const t = threadOf(this.state, v.ref);
    if (!t.loaded && !t.reading) void this.history(v.ref, false);
  }

  // history reads the newest page of a thread, or the one before what is here.
  async history(ref: ConversationRef | undefined, older: boolean): Promise<void> {
    const t = threadOf(this.state, ref);
    if (t.reading || (older && (t.next === '0' || t.next === ''))) return;
    const reading = ++this.#reads;
    const stale = () => threadOf(this.state, ref).reading !== reading;
    this.#put(withThread(this.state, ref, { reading, failed: false }));
    try {
      const ask = { ref, limit: PAGE, ...(older ? { beforeRevision: t.next } : {}) };
      const page = await call<ListTimelineResponse>('Desk', 'ListTimeline', ask);
      if (stale()) return;
      const items = page.items ?? [];
      const change = { reading: 0, loaded: true, next: page.nextBeforeRevision ?? '0' };
      const before = this.state;
      this.#put(withItems(this.state, ref, items, older ? change : { ...change, items: this.#newerThan(ref, items) }));
      this.#forget(before);
    } catch {
      if (!stale()) this.#put(withThread(this.state, ref, { reading: 0, failed: true }));
    }
  }

  // newerThan is what to keep of a thread when its newest page was read again:
  // what the stream brought meanwhile. Older items may have a hole before them.
  #newerThan(ref: ConversationRef | undefined, page: readonly TimelineItem[]): Map<string, TimelineItem> {
    const last = num(page.at(-1)?.revision);
    return new Map([...threadOf(this.state, ref).items].filter(([, i]) => num(i.revision) >= last));
  }

  // setPresence takes a presence, or a status after its presence.
  async setPresence(chosen: string): Promise<void> {
    const [presence, status = ''] = chosen.split(' ') as [Presence, string?];
    const old = this.state.standing;
    this.set({ standing: { ...old, presence, status } });
    try {
      // The stream tells what came of it, and all that happened since.
      await call('Desk', 'SetPresence', { presence, status });
      savePresence(this.state.me.agent ?? '', chosen);
      this.#ask({ t: 'presence', presence: chosen });
    } catch (e) {
      this.set({ standing: old });
      this.#fail(e);
    }
  }

  // answer accepts or rejects an offer.
  async answer(v: ConversationView, accept: boolean): Promise<void> {
    const id = idOf(v);
    const ok = await this.#command(`offer ${id}`, accept ? 'AcceptOffer' : 'RejectOffer', { ref: v.ref, fence: v.offer?.fence });
    if (!ok) return;
    if (accept) return this.show(id);
    const views = new Map(this.state.views);
    views.delete(id);
    this.set({ views });
  }

  // shown tells that an offer is on the screen and gives until when it lasts; 0
  // when nobody says.
  async shown(v: ConversationView): Promise<number> {
    const said = await call<ShowOfferResponse>('Desk', 'ShowOffer', { ref: v.ref, fence: v.offer?.fence }).catch(() => undefined);
    return num(said?.untilMs);
  }

  // advise says yes or no to giving advice.
  async advise(v: ConversationView, accept: boolean): Promise<void> {
    if (await this.#command(`offer ${idOf(v)}`, 'AnswerConsult', { ref: v.ref, accept }) && accept) this.show(idOf(v));
  }

  // consult asks for advice, lets a consultant write to the customer, or ends it.
  consult(method: 'AskConsult' | 'OpenConsult' | 'EndConsult', v: ConversationView, more: object): Promise<boolean> {
    return this.#command(`consult ${idOf(v)}`, method, { ref: v.ref, ...more });
  }

  // pick takes a conversation that waits.
  async pick(item: OpenItem): Promise<void> {
    if (await this.#command(`pick ${idOf(item)}`, 'PickConversation', { ref: item.ref })) {
      this.set({ section: 'mine' });
      this.show(idOf(item));
    }
  }

  // transfer hands a conversation over. Asked again for the same it keeps its
  // client id.
  transfer(v: ConversationView, to: object, clientId: string): Promise<boolean> {
    return this.#gone('Transfer', v, { ...to, clientId });
  }

  // ask reads something that is not part of the state; undefined when that fails.
  async ask<T>(method: string, body: object, service: 'Desk' | 'Contact' | 'Reply' = 'Desk'): Promise<T | undefined> {
    try {
      return await call<T>(service, method, body);
    } catch (e) {
      this.#fail(e);
      return undefined;
    }
  }

  // attend reads somebody else's conversation along, or joins it, and shows it.
  async attend(how: 'Monitor' | 'Join', v: ConversationView): Promise<void> {
    if (!await this.#command(`${how} ${idOf(v)}`, `${how}Conversation`, { ref: v.ref })) return;
    this.go('desk');
    this.show(idOf(v));
  }

  // look reads what nobody asked for by hand, and says nothing when that fails:
  // then it gives undefined.
  async look(asked: Record<string, object>, of: 'Desk' | 'Contact' = 'Desk'): Promise<unknown[] | undefined> {
    try {
      return await Promise.all(Object.entries(asked).map(([method, body]) => call<unknown>(of, method, body)));
    } catch (e) {
      if (e instanceof Failure && e.over) this.#leave('ended', e.reason);
      return undefined;
    }
  }

  // oversee gives a supervisor's command about what is not the supervisor's own.
  oversee(method: string, body: object): Promise<boolean> {
    return this.#command(`${method} ${JSON.stringify(body)}`, method, body, false);
  }

  // hold keeps an End back for a moment, where that part of the page is here.
  hold?: (v: ConversationView) => void;

  // act carries out a command on a conversation; an End with nothing more is held.
  async act(action: Action, v: ConversationView, more?: object): Promise<boolean> {
    if (action === 'End' && !more && this.hold) return this.hold(v), false;
    return this.#gone(action, v, more ?? {});
  }

  // gone gives a command after which the conversation may be somebody else's.
  async #gone(action: Action | 'Transfer', v: ConversationView, more: object): Promise<boolean> {
    const id = idOf(v);
    const at = tabs(this.state).map(idOf);
    const ok = await this.#command(`${action} ${id}`, `${action}Conversation`, { ref: v.ref, ...more });
    if (!ok || action === 'End' || action === 'Resume') return ok;
    if (action !== 'Park') dropDraft(this.state.me.agent ?? '', id);
    const i = at.indexOf(id);
    if (this.state.open === id || this.state.open === '') this.show(at[i + 1] ?? at[i - 1] ?? '');
    return ok;
  }

  // takeControl takes the thread from the app that has it.
  async takeControl(v: ConversationView): Promise<void> {
    await this.#command(`Take ${idOf(v)}`, 'TakeControl', { ref: v.ref });
  }

  async #command(key: string, method: string, body: object, own = true): Promise<boolean> {
    if (this.state.busy.has(key)) return false;
    this.set({ busy: new Set(this.state.busy).add(key), notice: '' });
    try {
      const { conversation } = await call<{ conversation?: ConversationView }>('Desk', method, body);
      if (conversation && own) this.#put(withView(this.state, conversation));
      return true;
    } catch (e) {
      this.#fail(e);
      return false;
    } finally {
      const busy = new Set(this.state.busy);
      busy.delete(key);
      this.set({ busy });
    }
  }

  #fail(e: unknown): void {
    if (e instanceof Failure && e.over) return this.#leave('ended', e.reason);
    this.set({ notice: e instanceof Failure && e.reason ? e.reason : 'notNow' });
  }

  // write puts a message or a note into the outbox: it shows at once.
  write(kind: 'send' | 'note' | 'confer', ref: ConversationRef, text: string, replyTo?: string, files?: outbox.Entry['files'], quickReplies?: outbox.Entry['quickReplies'], sticker?: string): void {
    this.#enqueue({ clientId: crypto.randomUUID(), kind, ref, name: this.#nameOf(ref), text, replyTo, files, quickReplies, sticker, atMs: this.now(), tries: 0, state: 'waiting' });
    this.#typed = 0;
  }

  // typing shows the customer that the agent writes: again while Messenger would
  // stop showing it. It is worth no word when it fails.
  typing(ref: ConversationRef): void {
    if (Date.now() - this.#typed < TYPING_MS) return;
    this.#typed = Date.now();
    this.signal(ref, 'typing_on');
  }

  signal(ref: ConversationRef, sign: string): void {
    call('Desk', 'Signal', { ref, sign }).catch(() => {});
  }

  #typed = 0;

  // quote has the next message of the conversation answer this one.
  quote(ref: ConversationRef, item?: TimelineItem): void {
    const quotes = { ...this.state.quotes };
    if (item) quotes[ref.conversation ?? ''] = item;
    else delete quotes[ref.conversation ?? ''];
    this.set({ quotes });
  }

  // enclose changes which files go with the next message of a conversation.
  enclose(conversation: string, change: (all: readonly Chosen[]) => readonly Chosen[]): void {
    this.set({ files: { ...this.state.files, [conversation]: change(this.state.files[conversation] ?? []) } });
  }

  // react sets or takes back the reaction to a message of the customer.
  react(ref: ConversationRef, mid: string, emoji: string): void {
    void this.#command(`react ${mid}`, 'React', { ref, mid, emoji });
  }

  // resend sends the text of a send that is not confirmed, or failed, again.
  resend(ref: ConversationRef, item: TimelineItem): void {
    this.#enqueue({
      clientId: crypto.randomUUID(), kind: 'resend', ref, name: this.#nameOf(ref), item: item.id, text: item.text ?? '', atMs: this.now(), tries: 0, state: 'waiting',
    });
  }

  abandon(ref: ConversationRef, item: TimelineItem): void {
    void this.#command(`item ${item.id}`, 'AbandonSend', { ref, item: item.id });
  }

  #nameOf = (ref: ConversationRef): string | undefined => this.state.views.get(ref.conversation ?? '')?.customer?.name;

  #enqueue(e: outbox.Entry): void {
    outbox.store(this.state.me.agent ?? '', e);
    this.set({ outbox: [...this.state.outbox, e] });
    this.#flush();
  }

  // retry gives a failed entry its tries back.
  retry(e: outbox.Entry): void {
    this.#replace({ ...e, tries: 0, state: 'waiting', error: undefined });
    this.#flush();
  }

  discard(e: outbox.Entry): void {
    outbox.remove(this.state.me.agent ?? '', e.clientId);
    this.set({ outbox: this.state.outbox.filter((x) => x.clientId !== e.clientId) });
  }

  #replace(e: outbox.Entry): void {
    if (!this.state.outbox.some((x) => x.clientId === e.clientId)) return;
    outbox.store(this.state.me.agent ?? '', e);
    this.set({ outbox: this.state.outbox.map((x) => (x.clientId === e.clientId ? e : x)) });
  }

  // strand stops what was written into conversations that are gone: should one
  // come back, the agent decides.
  #strand(): void {
    for (const e of stranded(this.state)) if (e.state === 'waiting') this.#replace({ ...e, state: 'failed', error: 'NOT_YOURS' });
  }

  // flush posts what may go now. While the link is down nothing is tried: an
  // agent in a tunnel should not come out to a row of failures.
  #flush(): void {
    clearTimeout(this.#flushTimer);
    if (this.#flushing || !this.state.ready || this.state.session !== 'in' || this.state.link === 'down') return;
    this.#strand();
    const heads = outbox.heads(this.state.outbox);
    if (heads.length === 0) return;
    this.#flushing = true;
    void Promise.all(heads.map((e) => this.#post(e))).then((pauses) => {
      this.#flushing = false;
      this.#flushTimer = setTimeout(() => this.#flush(), Math.min(...pauses)) as unknown as number;
    });
  }

  // post sends one entry and gives the wait before the next try.
  async #post(e: outbox.Entry): Promise<number> {
    const method = { send: 'SendMessage', note: 'AddNote', confer: 'AddNote', resend: 'ResendMessage' }[e.kind];
    // Should the page be closed now, the answer is never known.
    this.#replace({ ...e, unsure: true });
    const body = { ref: e.ref, clientId: e.clientId, ...(e.kind === 'resend' ? { item: e.item } : { text: e.sticker ? '' : e.text, sticker: e.sticker, replyTo: e.replyTo, files: e.files?.map((f) => f.id), quickReplies: e.quickReplies }), ...(e.kind === 'confer' ? { consult: true } : {}) };
    try {
      const { item } = await call<{ item?: TimelineItem }>('Desk', method, body);
      const before = this.state;
      this.#put(withItems(this.state, e.ref, item ? [item] : []));
      this.#forget(before);
      this.discard(e);
      return 0;
    } catch (err) {
      const f = err instanceof Failure ? err : new Failure('internal');
      if (f.over) {
        this.#leave('ended', f.reason);
        return 0;
      }
      const next = outbox.after(e, f);
      this.#replace(next);
      return next.state === 'failed' ? 0 : outbox.pauseMs(next.tries);
    }
  }

  // checkWindows asks once for fresh views when a reply window has lapsed: the
  // server knows whether another kind of reply is still possible.
  #checkWindows(): void {
    if (this.state.link !== 'live') return;
    const lapsed = [...this.state.views.values()].filter(
      (v) => v.window?.kind !== 'closed' && windowOf(v, this.now()).kind === 'closed' && !this.#lapsed.has(`${idOf(v)} ${v.window?.untilMs}`),
    );
    if (lapsed.length === 0) return;
    lapsed.forEach((v) => this.#lapsed.add(`${idOf(v)} ${v.window?.untilMs}`));
    call<ListConversationsResponse>('Desk', 'ListConversations', {}).then(
      (r) => this.#put((r.conversations ?? []).reduce(withView, this.state)),
      () => undefined,
    );
  }
}
