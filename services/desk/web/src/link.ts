// Link keeps one event stream alive for all tabs: cursor, watchdog, back-off.
// It knows conversations and standing too, so that a tab that joins later
// starts from a snapshot without asking the server.
import type { Event, Presence } from './types.gen';
import { apply, empty, type State } from './model';
import { Failure, openEvents } from './transport';

// State of the link as the page shows it.
export type LinkState = 'connecting' | 'live' | 'down' | 'signed_out';

// What a link tells its tabs. A tab of another agent must not take it for its
// own: in one browser only the one who signed in last is signed in.
export type Word =
  | { t: 'state'; agent: string; state: LinkState; since: number; why?: string }
  | { t: 'events'; agent: string; events: Event[] }
  | { t: 'lead'; on: boolean };

// What a tab tells its link.
export type Ask =
  | { t: 'start'; agent: string; presence: string }
  | { t: 'presence'; presence: string }
  | { t: 'stop' }
  | { t: 'focus' }
  | { t: 'online' }
  | { t: 'offline' }
  | { t: 'bye' };

const SILENCE_MS = 35_000;
const FIRST_MS = 250;
const MAX_MS = 10_000;

// backoff is how long to wait before try n, counted from 0: at once, then
// doubling up to ten seconds, spread so that desks do not come back together.
export function backoff(n: number, random: number): number {
  if (n === 0) return 0;
  return Math.min(MAX_MS, FIRST_MS * 2 ** (n - 1)) * (0.75 + random / 2);
}

export class Link {
  #agent = '';
  #epoch = '';
  #seq = 0n;
  // What the agent chose, for a house that has forgotten it.
  // A presence, or a status after its presence.
  presence = 'PRESENCE_UNSPECIFIED';
  #known: State = empty;
  #state: LinkState = 'connecting';
  #why = '';
  #since = Date.now();
  #tries = 0;
  #abort: AbortController | undefined;
  #timer = 0;
  #watchdog = 0;

  constructor(private readonly tell: (w: Word) => void) {}

  // start follows the events of agent; a second call for the same one only
  // repeats where things stand, for the tab that joined.
  start(agent: string, joined: (w: Word) => void): void {
    if (agent !== this.#agent || this.#state === 'signed_out') {
      this.stop();
      this.#agent = agent;
      this.#turn('connecting');
      this.#connect();
      return;
    }
    joined({ t: 'state', agent, state: this.#state, since: this.#since, why: this.#why });
    if (this.#known.ready) joined({ t: 'events', agent, events: [this.#snapshot()] });
  }

  // stop ends the stream and forgets everything.
  stop(): void {
    this.#abort?.abort();
    this.#abort = undefined;
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    this.#agent = this.#epoch = '';
    this.#seq = 0n;
    this.#known = empty;
    this.#tries = 0;
  }

  // out ends the stream because the session is over, for the reason why.
  out(why: string): void {
    this.#turn('signed_out', why);
    this.stop();
  }

  // hurry connects now: the network came back.
  hurry(): void {
    if (!this.#agent || this.#state === 'live' || this.#state === 'signed_out') return;
    this.#tries = 0;
    this.#connect();
  }

  // drop gives the stream up because the network is known to be gone.
  drop(): void {
    if (this.#agent && this.#state === 'live') this.#abort?.abort();
  }

  #connect(): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    this.#guard(abort);
    const [presence, status = ''] = this.presence.split(' ') as [Presence, string?];
    openEvents({ epoch: this.#epoch, seq: String(this.#seq), presence, status }, abort.signal, {
      bytes: () => this.#guard(abort),
      event: (e) => this.#take(e, abort),
    }).catch((e: unknown) => {
      if (this.#abort !== abort) return;
      clearTimeout(this.#watchdog);
      if (e instanceof Failure && e.over) return this.out(e.reason);
      this.#later(e instanceof Failure ? e.reason : '');
    });
  }

  // guard re-connects after a silence longer than two heartbeats.
  #guard(abort: AbortController): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => abort.abort(), SILENCE_MS) as unknown as number;
  }

  #later(why: string): void {
    this.#turn('down', why);
    this.#timer = setTimeout(() => this.#connect(), backoff(this.#tries++, Math.random())) as unknown as number;
  }

  #turn(state: LinkState, why = ''): void {
    if (state === this.#state && why === this.#why && state !== 'connecting') return;
    if (state !== this.#state) this.#since = Date.now();
    this.#state = state;
    this.#why = why;
    this.tell({ t: 'state', agent: this.#agent, state, since: this.#since, why });
  }

  // take drops what was seen, notices what is missing and passes the rest on.
  #take(e: Event, abort: AbortController): void {
    if (this.#abort !== abort) return;
    this.#tries = 0;
    // Not before: a stream that is refused opens as well.
    if (!e.sessionEnded) this.#turn('live');
    if (e.sessionEnded) return this.out((e.sessionEnded.reason ?? '').toUpperCase());
    const seq = BigInt(e.seq ?? '0');
    if (e.heartbeat) {
      if (e.epoch === this.#epoch && seq > this.#seq) return abort.abort();
    } else if (!e.snapshot) {
      if (e.epoch === this.#epoch && seq <= this.#seq) return;
      // Something between is missing: come again from the cursor.
      if (e.epoch !== this.#epoch || seq > this.#seq + 1n) return abort.abort();
    }
    if (!e.heartbeat) {
      this.#epoch = e.epoch ?? '';
      this.#seq = seq;
    }
    // Histories are the tabs' own.
    if (!e.timeline) this.#known = apply(this.#known, e);
    this.tell({ t: 'events', agent: this.#agent, events: [e] });
  }

  #snapshot(): Event {
    const { views, standing, queues, skew } = this.#known;
    return { snapshot: { conversations: [...views.values()], standing, queues: { queues: [...queues] }, nowMs: String(Date.now() + skew) } };
  }
}
