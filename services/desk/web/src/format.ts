// Times, names and links as people read them.
import type { ConversationView } from './types.gen';
import type { Words } from './i18n';

const HOUR = 3_600_000;

// What writes times is made once for each form: that takes longer than writing one.
const writers: Record<string, Intl.DateTimeFormat> = {};
const write = (ms: number, { lang }: Words, form: Intl.DateTimeFormatOptions): string =>
  (writers[lang + JSON.stringify(form)] ??= new Intl.DateTimeFormat(lang, form)).format(ms);

// clock is a time of day.
export const clock = (ms: number, t: Words): string => write(ms, t, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

// stamp is a day and a time of day, with the year when it is another one.
export const stamp = (ms: number, t: Words): string =>
  write(ms, t, { ...(new Date(ms).getFullYear() !== new Date().getFullYear() && { year: 'numeric' }), day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

export const dayKey = (ms: number): string => new Date(ms).toDateString();

// day names a day.
export function day(ms: number, now: number, t: Words): string {
  if (dayKey(ms) === dayKey(now)) return t.today;
  if (dayKey(ms) === dayKey(now - 24 * HOUR)) return t.yesterday;
  const far = now - ms > 300 * 24 * HOUR;
  return write(ms, t, { weekday: 'long', day: 'numeric', month: 'long', ...(far ? { year: 'numeric' } : {}) });
}

// when is the shortest useful form of a time: the hour today, else the date.
export const when = (ms: number, now: number, t: Words): string =>
  dayKey(ms) === dayKey(now) ? clock(ms, t) : write(ms, t, { day: 'numeric', month: 'short' });

// span is a length of time as h:mm, or m:ss under an hour.
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  const two = (n: number) => String(n).padStart(2, '0');
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

// long is a length of time in words: "3 h 12 min".
export function long(ms: number, t: Words): string {
  const minutes = Math.max(1, Math.ceil(ms / 60_000));
  const h = Math.floor(minutes / 60);
  const d = Math.floor(h / 24);
  const u = t.lang === 'bg' ? ['д', 'ч', 'мин'] : ['d', 'h', 'min'];
  if (d > 0) return `${d} ${u[0]} ${h % 24} ${u[1]}`;
  return h > 0 ? `${h} ${u[1]} ${minutes % 60} ${u[2]}` : `${minutes} ${u[2]}`;
}

// nameOf is the customer's name, or something to tell nameless ones apart.
export const nameOf = (v: Pick<ConversationView, 'ref' | 'customer'>, t: Words): string => v.customer?.name || t.customer((v.ref?.psid ?? '').slice(-4));

const KINDS: Record<string, 'image' | 'video' | 'audio' | 'file' | 'sticker' | 'location' | 'link'> = {
  image: 'image', video: 'video', audio: 'audio', file: 'file', sticker: 'sticker', location: 'location', fallback: 'link', share: 'link',
};

// kindOf is the plain word for a kind of attachment.
export const kindOf = (type: string | undefined, t: Words): string => t[KINDS[type ?? ''] ?? 'attachment'];

// preview is the first line of the newest message; of an attachment without
// text, which the house gives as its type in brackets, what kind it is.
export function preview(v: Pick<ConversationView, 'preview'>, t: Words): string {
  const type = /^\[([a-z_]+)\]$/.exec(v.preview ?? '')?.[1];
  return type ? kindOf(type, t) : v.preview || t.noText;
}

// initial is the first letter of a name, whole even outside the first plane.
export const initial = (name: string): string => [...name.replace(/^[^\p{L}\p{N}]+/u, '')][0]?.toUpperCase() ?? '?';

// hue picks one of the avatar colours, the same for the same person always.
export function hue(v: Pick<ConversationView, 'ref'>): number {
  let h = 0;
  for (const c of v.ref?.psid ?? '') h = (h * 31 + c.charCodeAt(0)) % 997;
  return h % 6;
}

// pieces splits text at its links; only http and https become links. One whose text
// does not begin with the host it leads to goes by way of a page that says which, and
// what cannot be seen in one is seen (SK2).
export function pieces(text: string): { text: string; href?: string }[] {
  const all: { text: string; href?: string }[] = [];
  let at = 0;
  for (const m of text.matchAll(/\bhttps?:\/\/[^\s<>"']+/giu)) {
    const raw = m[0].replace(/[).,;:!?…»”]+$/u, '');
    const to = safeURL(raw);
    if (!to) continue;
    if (m.index > at) all.push({ text: text.slice(at, m.index) });
    all.push({ text: raw.replace(/\p{Cf}/gu, '·'), href: raw.toLowerCase().startsWith(new URL(to).origin) ? to : '/leave#' + to });
    at = m.index + raw.length;
  }
  if (at < text.length) all.push({ text: text.slice(at) });
  return all;
}

// weight is the size of a file.
export const weight = (bytes: number, t: Words): string => {
  const large = bytes >= 1e6;
  return new Intl.NumberFormat(t.lang, { style: 'unit', unit: large ? 'megabyte' : 'kilobyte', maximumFractionDigits: large ? 1 : 0 })
    .format(Math.max(1, bytes / (large ? 1e6 : 1e3)));
};

// safeURL gives back a link that may be followed, '' for any other.
export function safeURL(url: string): string {
  try {
    const u = new URL(url);
    return u.protocol === 'https:' || u.protocol === 'http:' ? u.href : '';
  } catch {
    return '';
  }
}

// Meta's own app that is the inbox of a page ("Conversation routing").
export const INBOX = '263902037430900';

// appOf names an app that has a thread.
export const appOf = (id: string | undefined, t: Words): string => (id === INBOX ? t.inbox : t.otherApp);
