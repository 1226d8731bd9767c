// The control plane as the page reaches it: by the desk, which passes calls on.
import type { ApplyResponse, Change, GetVersionResponse, ListVersionsResponse, Resource, Version } from './types.gen';

export type Kind = keyof Resource;
export type Thing = Record<string, unknown> & { meta?: { id?: string; displayName?: string; etag?: string; updatedMs?: string } };

// KINDS are the resources in the order of parleyctl; many is what methods call several.
const KINDS = 'channelAccount page workstream queue agent schedule skill capacityProfile status ruleset automatedMessage cannedReply notificationTemplate'.split(' ') as Kind[];
const many = (kind: Kind): string => `${upper(kind)}s`.replace(/ss$/, 'ses').replace(/ys$/, 'ies');

// first makes a name of the proto's the name of its message, and back.
export const upper = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const lower = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

// keyOf is the kind as the house calls it in keys and in the audit: "queues".
export const keyOf = (kind: Kind): string => lower(many(kind));

export type World = Record<Kind, Thing[]>;
export interface Violation { field: string; text: string }

// Trouble is every way a call can go wrong. reason is the machine word; message is
// the house's own, in English; violations name the fields that are wrong.
export class Trouble extends Error {
  constructor(readonly code: string, readonly reason = '', message = '', readonly violations: Violation[] = []) {
    super(message);
  }

  get over(): boolean {
    return this.code === 'unauthenticated' || this.reason === 'NO_ROLE';
  }
}

const PATIENCE_MS = 30_000;

// post makes one call and gives the answer, or throws a Trouble. What was refused for
// coming too fast was not done: it goes again when the house says, for who looks
// through the screens quickly asks for everything each time.
export async function post<T>(path: string, body: object, until = Date.now() + PATIENCE_MS): Promise<T> {
  let answer: Response;
  let text: string;
  try {
    answer = await fetch(path, {
      method: 'POST', credentials: 'same-origin', body: JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS),
      headers: { 'Content-Type': 'application/json', 'Connect-Protocol-Version': '1' },
    });
    text = await answer.text();
  } catch {
    throw new Trouble('unavailable', 'AWAY');
  }
  try {
    const got = JSON.parse(text) as T & WireError;
    if (answer.ok) return got;
    throw trouble(got);
  } catch (e) {
    const wait = 1000 * Number(answer.headers.get('Retry-After'));
    if (!(e instanceof Trouble)) throw new Trouble('unavailable', 'AWAY');
    if (e.reason !== 'TOO_MANY_REQUESTS' || !wait || Date.now() + wait > until) throw e;
    await new Promise((over) => setTimeout(over, wait));
    return post<T>(path, body, until);
  }
}

type Service = 'Audit' | 'Client' | 'Config' | 'History' | 'Operate' | 'Provision' | 'Routing' | 'Schedule';

// ask calls a method of the control plane.
export const ask = <T>(service: Service, method: string, body: object = {}): Promise<T> => post<T>(`/parley.admin.v1.${service}Service/${method}`, body);

interface WireError {
  code?: string;
  message?: string;
  details?: { type?: string; value?: string }[];
}

function trouble(e: WireError): Trouble {
  const detail = (type: string) => parts(e.details?.find((d) => d.type === type)?.value ?? '');
  const reason = detail('google.rpc.ErrorInfo').find(([n]) => n === 1)?.[1] ?? '';
  const violations = detail('google.rpc.BadRequest').map(([, one]) => {
    const said = new Map(inside(one));
    return { field: utf8(said.get(1) ?? ''), text: utf8(said.get(2) ?? '') };
  });
  return new Trouble(e.code ?? 'unknown', reason, e.message, violations);
}

// parts reads the texts of an encoded message by number, as bytes in a string:
// the debug form of a detail is not for programs.
const parts = (b64: string): [number, string][] => inside(atob(b64.replace(/-/g, '+').replace(/_/g, '/')));

function inside(raw: string): [number, string][] {
  const all: [number, string][] = [];
  for (let at = 0; at < raw.length;) {
    const tag = raw.charCodeAt(at++);
    let size = 0;
    for (let shift = 0, byte = 128; byte & 128; shift += 7) size |= ((byte = raw.charCodeAt(at++)) & 127) << shift;
    all.push([tag >> 3, raw.slice(at, at + size)]);
    at += size;
  }
  return all;
}

const utf8 = (raw: string): string => new TextDecoder().decode(Uint8Array.from(raw, (c) => c.charCodeAt(0)));

// look reads the whole configuration.
export async function look(): Promise<World> {
  const lists = await Promise.all(KINDS.map((kind) => list(many(kind))));
  return Object.fromEntries(KINDS.map((kind, i) => [kind, lists[i]])) as World;
}

async function list(kinds: string): Promise<Thing[]> {
  const all: Thing[] = [];
  let pageToken = '';
  do {
    const got = await ask<Record<string, unknown>>('Config', `List${kinds}`, { pageSize: 1000, pageToken });
    all.push(...((got[lower(kinds)] as Thing[] | undefined) ?? []));
    pageToken = String(got.nextPageToken ?? '');
  } while (pageToken);
  return all;
}

export const idOf = (r: Thing | undefined): string => r?.meta?.id ?? '';
export const nameOf = (r: Thing | undefined): string => r?.meta?.displayName || idOf(r);

// apply changes resources, or with dry only tells what would change.
export const apply = (resources: Resource[], dry: boolean, comment = ''): Promise<ApplyResponse> =>
  ask('Config', 'Apply', { resources, validateOnly: dry, comment });

// create adds a resource; there must be none of its id.
export const create = (kind: Kind, thing: Thing): Promise<Thing> => ask('Config', `Create${upper(kind)}`, { [kind]: thing });

// LOOK_BACK is in how many versions is looked for who changed a resource.
const LOOK_BACK = 20;

// lastChange is the version that changed a resource last, if it was not long ago.
export async function lastChange(kind: Kind, id: string): Promise<Version | undefined> {
  const { versions = [] } = await ask<ListVersionsResponse>('History', 'ListVersions', { pageSize: LOOK_BACK });
  for (const v of versions) {
    const { changes = [] } = await ask<GetVersionResponse>('History', 'GetVersion', { number: v.number });
    if (changes.some((c) => c.id === id && kindOf(c) === kind)) return v;
  }
  return undefined;
}

// kindOf is the kind of what changed.
export const kindOf = (c: Change): Kind => Object.keys(c.after ?? c.before ?? {})[0] as Kind;
