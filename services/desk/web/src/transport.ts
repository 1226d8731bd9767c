// The Connect protocol over fetch, JSON only: what the page needs of it and no
// more. Unary calls are plain POSTs; the event stream comes in envelopes.
import type { Event, EventsRequest } from './types.gen';

export type Code =
  | 'canceled' | 'unknown' | 'invalid_argument' | 'deadline_exceeded' | 'not_found'
  | 'already_exists' | 'permission_denied' | 'resource_exhausted' | 'failed_precondition'
  | 'aborted' | 'out_of_range' | 'unimplemented' | 'internal' | 'unavailable'
  | 'data_loss' | 'unauthenticated';

// Failure is every way a call can go wrong. `reason` is the server's machine
// word, for which the page has its own text: what the server says in English is
// for logs. `network` says that no answer arrived at all; `wait` is after how
// many seconds the server wants to be asked again.
export class Failure extends Error {
  constructor(
    readonly code: Code,
    readonly reason = '',
    readonly network = false,
    readonly wait = 0,
  ) {
    super(code);
  }

  // again says whether the same command may simply be repeated: the server
  // could not take it, as opposed to would not.
  get again(): boolean {
    return this.network || AGAIN.has(this.code);
  }

  // over says that nobody is signed in any more who may use the desk.
  get over(): boolean {
    return this.code === 'unauthenticated' || this.reason === 'NO_ROLE';
  }
}

const AGAIN = new Set<Code>(['unavailable', 'deadline_exceeded', 'resource_exhausted', 'aborted']);

const BY_STATUS: Record<number, Code> = {
  400: 'internal', 401: 'unauthenticated', 403: 'permission_denied', 404: 'unimplemented',
  429: 'unavailable', 502: 'unavailable', 503: 'unavailable', 504: 'unavailable',
};

interface WireError {
  code?: Code;
  details?: { type?: string; value?: string }[];
}

const TIMEOUT_MS = 10_000;

// call makes one unary call and gives the response, or throws a Failure.
export async function call<T>(service: 'Desk' | 'Session' | 'Contact' | 'Reply', method: string, body: object): Promise<T> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(`/parley.desk.v1.${service}Service/${method}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Connect-Protocol-Version': '1', 'Connect-Timeout-Ms': String(TIMEOUT_MS) },
      body: JSON.stringify(body),
      credentials: 'same-origin',
      // Given when the page is closed, too.
      keepalive: method === 'EndConversation',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await answer.text();
  } catch (e) {
    const late = e instanceof DOMException && e.name === 'TimeoutError';
    throw new Failure(late ? 'deadline_exceeded' : 'unavailable', '', true);
  }
  if (!answer.ok) throw failure(text, answer);
  try {
    return JSON.parse(text) as T;
  } catch {
    // A proxy's page with status 200 is not an answer of the desk.
    throw new Failure('unavailable', '', true);
  }
}

function failure(text: string, answer?: Response): Failure {
  const fallback = BY_STATUS[answer?.status ?? 0] ?? 'unknown';
  try {
    const e = JSON.parse(text) as WireError;
    const d = e.details?.find((x) => x.type === 'parley.desk.v1.Refusal' || x.type === 'google.rpc.ErrorInfo');
    return new Failure(e.code ?? fallback, firstString(d?.value ?? ''), false, Number(answer?.headers.get('Retry-After')));
  } catch {
    return new Failure(fallback);
  }
}

// firstString reads field 1 of a message that begins with it: enough to find
// the reason. The debug form of a detail is not for programs.
function firstString(b64: string): string {
  const raw = atob(b64.replace(/-/g, '+').replace(/_/g, '/'));
  return raw.charCodeAt(0) === 0x0a ? raw.slice(2, 2 + raw.charCodeAt(1)) : '';
}

// openEvents reads the event stream from a cursor until it ends, which it tells
// by throwing: a Failure when the server said why. on.bytes is called at every sign
// of life.
export async function openEvents(
  from: EventsRequest,
  signal: AbortSignal,
  on: { bytes: () => void; event: (e: Event) => void },
): Promise<never> {
  let answer: Response;
  try {
    answer = await fetch('/parley.desk.v1.DeskService/Events', {
      method: 'POST',
      headers: { 'Content-Type': 'application/connect+json', 'Connect-Protocol-Version': '1' },
      body: envelope(from),
      credentials: 'same-origin',
      cache: 'no-store',
      signal,
    });
  } catch {
    throw new Failure('unavailable', '', true);
  }
  if (!answer.ok || !answer.body) throw failure(await answer.text().catch(() => ''), answer);
  const reader = answer.body.getReader();
  let buf = new Uint8Array(0);
  for (;;) {
    let part: ReadableStreamReadResult<Uint8Array>;
    try {
      part = await reader.read();
    } catch {
      throw new Failure('unavailable', '', true);
    }
    if (part.done) throw new Failure('unavailable', '', true);
    on.bytes();
    buf = joined(buf, part.value);
    buf = drain(buf, on.event);
  }
}

// drain hands out the whole envelopes in buf and gives back the rest.
function drain(buf: Uint8Array<ArrayBuffer>, event: (e: Event) => void): Uint8Array<ArrayBuffer> {
  const text = new TextDecoder();
  let at = 0;
  while (buf.length - at >= 5) {
    const size = new DataView(buf.buffer, buf.byteOffset + at + 1, 4).getUint32(0);
    if (buf.length - at < 5 + size) break;
    const body = text.decode(buf.subarray(at + 5, at + 5 + size));
    const last = (buf[at]! & 2) !== 0;
    at += 5 + size;
    if (!last) {
      event(JSON.parse(body) as Event);
      continue;
    }
    const end = JSON.parse(body) as { error?: WireError };
    throw end.error ? failure(JSON.stringify(end.error)) : new Failure('unavailable', '', true);
  }
  return buf.slice(at);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

function envelope(message: object): Uint8Array<ArrayBuffer> {
  const body = new TextEncoder().encode(JSON.stringify(message));
  const all = new Uint8Array(5 + body.length);
  new DataView(all.buffer).setUint32(1, body.length);
  all.set(body, 5);
  return all;
}
