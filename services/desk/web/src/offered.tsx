// What a message of ours offers besides its text, as the customer sees it: quick
// replies, buttons, cards. None of it can be pressed here except links.
import { useState } from 'preact/hooks';
import type { Button, Card, TimelineItem } from './types.gen';
import { safeURL } from './format';
import { useRoom } from './rt';

export function Offered({ item, under }: { item: TimelineItem; under?: boolean }) {
  const { t } = useRoom();
  const { button, generic } = item.template ?? {};
  const chosen = item.details?.chosen;
  if (under) {
    return (
      <ul class="quick">
        {item.quickReplies?.map((q, i) => (
          <Choice key={i} title={q.title || (/phone/.test(q.contentType ?? '') ? `📞 ${t.phones}` : `✉ ${t.emails}`)} on={!!chosen && q.payload === chosen} />
        ))}
      </ul>
    );
  }
  if (!button && !generic) return null; // what a utility template says is the text
  return (
    <div class="offered">
      {button && <p class="text" dir="auto">{button.text}</p>}
      {button && <Buttons all={button.buttons} chosen={chosen} />}
      {generic && <ul class="cards">{generic.elements?.map((c, i) => <One key={i} card={c} chosen={chosen} />)}</ul>}
    </div>
  );
}

function Choice({ title, on }: { title: string; on: boolean }) {
  const { t } = useRoom();
  return <li class={on ? 'chosen' : ''} title={on ? t.pressed : undefined} dir="auto">{on && <span class="sr">{t.pressed}: </span>}{title}</li>;
}

function One({ card, chosen }: { card: Card; chosen: string | undefined }) {
  const picture = safeURL(card.imageUrl ?? '');
  return (
    <li>
      {picture && <Picture url={picture} />}
      <b dir="auto">{card.title}</b>
      {card.subtitle && <span class="quiet" dir="auto">{card.subtitle}</span>}
      <Buttons all={card.buttons} chosen={chosen} />
    </li>
  );
}

// Picture is shown where the desk's policy lets its server be asked, and is a
// link elsewhere.
function Picture({ url }: { url: string }) {
  const { t } = useRoom();
  const [refused, setRefused] = useState(false);
  if (refused) {
    return (
      <p class="att">
        <span class="sign" aria-hidden="true">🖼</span>
        <span class="att-name">{t.image}<small>{t.notShown}</small></span>
        <a href={url} title={url} target="_blank" rel="noopener noreferrer nofollow">{t.open}</a>
      </p>
    );
  }
  return <p class="pic"><img src={url} alt={t.image} loading="lazy" referrerpolicy="no-referrer" onError={() => setRefused(true)} /></p>;
}

function Buttons({ all = [], chosen }: { all: Button[] | undefined; chosen: string | undefined }) {
  return <ul class="pads">{all.map((b, i) => (b.url ? <Leads key={i} b={b} /> : <Choice key={i} title={b.title ?? ''} on={!!chosen && b.payload === chosen} />))}</ul>;
}

// Leads says where a button leads; what is no address of the web only says so.
function Leads({ b }: { b: Button }) {
  const href = safeURL(b.url ?? '');
  const where = <>{b.title} <small>{href ? new URL(href).host : b.url}</small></>;
  return <li dir="auto">{href ? <a href={href} title={href} target="_blank" rel="noopener noreferrer nofollow">{where}</a> : where}</li>;
}
