// Attachments: what can be shown is shown, the rest gets a card that names it.
// Files of customers come from the desk itself and from nowhere else.
import { useState } from 'preact/hooks';
import type { Attachment, ConversationRef, File, TimelineItem } from './types.gen';
import { kindOf, safeURL, weight } from './format';
import { num } from './model';
import { useRoom } from './rt';

export function Attachments({ item, conversation }: { item: TimelineItem; conversation: ConversationRef }) {
  return (
    <div class="atts">
      {item.attachments?.map((a, i) => {
        const f = item.files?.[i];
        return f?.status ? <Kept key={i} a={a} f={f} src={`/files?${new URLSearchParams({ ...conversation, item: item.id, index: i } as unknown as Record<string, string>)}`} /> : <One key={i} a={a} />;
      })}
    </div>
  );
}

// TALL is how high a picture may be; its place is kept before it comes.
const TALL = 280;

// Kept is a file of the customer's, which the desk has, will have, or has not.
function Kept({ a, f, src }: { a: Attachment; f: File; src: string }) {
  const { t } = useRoom();
  const kind = (f.contentType ?? '').split('/')[0];
  const name = f.name || kindOf(a.type, t);
  if (f.status === 'FILE_STATUS_COPYING') return <Card sign="…" name={name} more={t.copying} url="" act="" />;
  if (f.status !== 'FILE_STATUS_HERE') {
    const why = f.status === 'FILE_STATUS_REFUSED' || f.reason === 'TYPE_NOT_ALLOWED' ? t.unsupportedType
      : /^TOO/.test(f.reason ?? '') ? t.tooLarge : f.reason === 'NOT_KEPT' ? t.notKept : /^(GONE|EXPIRED)$/.test(f.reason ?? '') ? t.gone : t.lost;
    return <Card sign="⚠" name={name} more={why} url="" act="" />;
  }
  if (f.width && f.height) {
    const scale = Math.min(1, (a.type === 'sticker' ? 120 : TALL) / f.height);
    return (
      <a class="pic kept" href={src} target="_blank">
        <img src={src} alt={name} width={Math.round(f.width * scale)} height={Math.round(f.height * scale)} loading="lazy" />
      </a>
    );
  }
  if (kind === 'audio' || kind === 'video') return <Player kind={kind} name={name} url={src} />;
  return <Card sign="📎" name={name} more={weight(num(f.size), t)} url={src} act={t.open} />;
}

function One({ a }: { a: Attachment }) {
  const { t } = useRoom();
  const url = safeURL(a.url ?? '');
  const name = a.title || kindOf(a.type, t);
  if (a.type === 'location' && a.latitude !== undefined && a.longitude !== undefined) {
    const at = `${a.latitude.toFixed(5)}, ${a.longitude.toFixed(5)}`;
    const map = `https://www.openstreetmap.org/?mlat=${a.latitude}&mlon=${a.longitude}#map=16/${a.latitude}/${a.longitude}`;
    return <Card sign="📍" name={name} more={at} url={map} act={t.openMap} />;
  }
  if ((a.type === 'image' || a.type === 'sticker') && url) return <Picture url={url} name={name} small={a.type === 'sticker'} />;
  if ((a.type === 'audio' || a.type === 'video') && url) return <Player kind={a.type} name={name} url={url} />;
  if (a.type === 'file') return <Card sign="📎" name={name} more={url ? '' : t.gone} url={url} act={t.open} />;
  if (url) return <Card sign="🔗" name={a.title || t.link} more={host(url)} url={url} act={t.open} />;
  return <Card sign="▢" name={name} more={t.notShown} url="" act="" />;
}

// Picture leads to itself, and opens over the page. Its link at Meta lapses, and the desk's policy
// may not let its server be asked: then it is a link.
function Picture({ url, name, small }: { url: string; name: string; small: boolean }) {
  const { t } = useRoom();
  const [refused, setRefused] = useState(false);
  if (refused) return <Card sign="🖼" name={name} more={t.notShown} url={url} act={t.open} />;
  return (
    <a class={small ? 'pic small' : 'pic'} href={url} target="_blank" rel="noopener noreferrer nofollow">
      <img src={url} alt={name} loading="lazy" referrerpolicy="no-referrer" onError={() => setRefused(true)} />
    </a>
  );
}

// Player plays here where the browser and the desk's policy let it, and is a
// link where they do not.
function Player({ kind, name, url }: { kind: 'audio' | 'video'; name: string; url: string }) {
  const { t } = useRoom();
  const [refused, setRefused] = useState(false);
  if (refused) return <Card sign="▷" name={name} more="" url={url} act={t.open} />;
  const Tag = kind;
  return <Tag controls preload="metadata" src={url} aria-label={name} onError={() => setRefused(true)} />;
}

function Card(p: { sign: string; name: string; more: string; url: string; act: string }) {
  return (
    <div class="att">
      <span class="sign" aria-hidden="true">{p.sign}</span>
      <span class="att-name" dir="auto">{p.name}{p.more && <small>{p.more}</small>}</span>
      {p.url && <a href={p.url} target="_blank" rel="noopener noreferrer nofollow">{p.act}</a>}
    </div>
  );
}

const host = (url: string): string => new URL(url).host;
