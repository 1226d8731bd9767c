// Attachments: what can be shown is shown, the rest gets a card that names it.
import { useState } from 'preact/hooks';
import type { Attachment } from './types.gen';
import { kindOf, safeURL } from './format';
import { useRoom } from './rt';

export function Attachments({ all }: { all: readonly Attachment[] }) {
  return <div class="atts">{all.map((a, i) => <One key={i} a={a} />)}</div>;
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

// Picture opens in its own tab. Its link at Meta lapses, and the desk's policy
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
