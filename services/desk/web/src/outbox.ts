// The outbox keeps what an agent wrote until the desk has it: it survives
// reloads, lost connections and closed tabs. Repeating is harmless, because
// every entry has its client id.
import type { ConversationRef, QuickReply } from './types.gen';
import type { Failure } from './transport';

export interface Entry {
  clientId: string;
  kind: 'send' | 'note' | 'confer' | 'resend';
  ref: ConversationRef;
  // Name of the customer, for when the conversation is gone from sight.
  name?: string;
  text: string;
  // Mid of the message that it answers.
  replyTo?: string;
  // Uploads that go with it.
  files?: { id: string; name: string }[];
  // Answers for the customer to press.
  quickReplies?: QuickReply[] | undefined;
  // Sticker that goes in place of the text, which says what it shows.
  sticker?: string | undefined;
  // Timeline item that a resend repeats.
  item?: string;
  atMs: number;
  tries: number;
  state: 'waiting' | 'failed';
  // Machine word of the failure; '' when no answer came.
  error?: string;
  // A try may have reached the desk: no answer said that it did not.
  unsure?: boolean;
}

// Tries made without asking the agent.
export const TRIES = 3;

// after decides what becomes of an entry that failed: another try soon, or the
// agent's choice. Only what the server could not take is tried again, and only
// then it may have taken it all the same.
export function after(e: Entry, f: Failure): Entry {
  const tries = e.tries + 1;
  const unsure = e.unsure || f.again;
  if (f.again && tries < TRIES) return { ...e, tries, unsure };
  return { ...e, tries, unsure, state: 'failed', error: f.reason || (f.again ? '' : 'notTaken') };
}

// pauseMs is the wait before try n of an entry, counted from 0.
export const pauseMs = (n: number): number => (n === 0 ? 0 : 400 * 2 ** n);

// heads are the entries that may go now: the first waiting one of each
// conversation, so that messages keep their order.
export function heads(all: readonly Entry[]): Entry[] {
  const seen = new Set<string>();
  return all.filter((e) => {
    const c = e.ref.conversation ?? '';
    if (e.state !== 'waiting' || seen.has(c)) return false;
    seen.add(c);
    return true;
  });
}

const PREFIX = 'parley.outbox.';
const key = (agent: string, id: string) => `${PREFIX}${agent}.${id}`;

// Every entry has a key of its own, so that tabs do not overwrite each other.
export function store(agent: string, e: Entry): void {
  localStorage.setItem(key(agent, e.clientId), JSON.stringify(e));
}

export function remove(agent: string, id: string): void {
  localStorage.removeItem(key(agent, id));
}

// load reads the entries of an agent, oldest first.
export function load(agent: string): Entry[] {
  const all: Entry[] = [];
  for (let i = 0; i < localStorage.length; i++) {
    const k = localStorage.key(i) ?? '';
    if (!k.startsWith(key(agent, ''))) continue;
    try {
      all.push(JSON.parse(localStorage.getItem(k) ?? '') as Entry);
    } catch {
      localStorage.removeItem(k);
    }
  }
  return all.sort((a, b) => a.atMs - b.atMs);
}

// touches says whether a storage event is about an agent's outbox.
export const touches = (agent: string, k: string | null): boolean => k === null || k.startsWith(key(agent, ''));
