// An End waits a moment on the page, so that it can be undone. Loaded apart, with its
// words: until it is here, an End takes effect at once.
import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import type { ConversationView } from './types.gen';
import { nameOf } from './format';
import { idOf, num } from './model';
import { useNow, useRoom } from './rt';
import texts from './texts/ending';

const HELD_MS = 5_000;

// Held is what is to end, when, and what was on its way to the customer before.
interface Held { view: ConversationView; until: number; before: ReadonlySet<string> }

// Ending holds one End at a time. It is given when its time is over; at once when
// another one comes, when the page is hidden or left, and when nobody looks at
// conversations any more. It is dropped when it is undone, when somebody writes, and
// when something else is done with the conversation. It is never given twice.
export function Ending() {
  const { desk, prefs, t } = useRoom();
  const w = texts[prefs.lang];
  const held = useRef<Held | undefined>(undefined);
  const [stayed, stay] = useState(false);
  const [, draw] = useReducer((n: number) => n + 1, 0);
  const put = (h?: Held) => {
    held.current = h;
    draw(undefined);
  };
  const give = () => {
    const h = held.current;
    put();
    if (h) void desk.act('End', h.view, {});
  };
  useEffect(() => {
    const hidden = () => void (document.hidden && give());
    desk.hold = (view) => {
      if (held.current && idOf(held.current.view) === idOf(view)) return;
      give();
      stay(false);
      put({ view, until: Date.now() + HELD_MS, before: new Set(desk.state.outbox.map((e) => e.clientId)) });
    };
    document.addEventListener('visibilitychange', hidden);
    addEventListener('pagehide', give);
    return () => {
      delete desk.hold;
      document.removeEventListener('visibilitychange', hidden);
      removeEventListener('pagehide', give);
      give();
    };
  }, [desk]);
  const h = held.current;
  useEffect(() => {
    if (!h) return;
    const timer = setTimeout(give, h.until - Date.now());
    return () => clearTimeout(timer);
  }, [h]);
  useEffect(() => {
    if (!h) return;
    const { views, outbox, busy } = desk.state;
    const id = idOf(h.view);
    const now = views.get(id);
    const written = (!!now?.unanswered && num(now.newestMs) > num(h.view.newestMs))
      || outbox.some((e) => e.ref.conversation === id && e.kind === 'send' && !h.before.has(e.clientId));
    if (!written && now?.phase === h.view.phase && ![...busy].some((k) => k.endsWith(id))) return;
    put();
    stay(written);
  });
  if (!h && !stayed) return null;
  return (
    <div class="banner warn" role="status">
      {h ? <span><bdi>{nameOf(h.view, t)}</bdi>: {w.ends} <Left until={h.until} /></span> : <span>{w.stayed}</span>}
      <button onClick={() => { put(); stay(false); }}>{h ? w.undo : t.dismiss}</button>
    </div>
  );
}

// Left is not read out each second.
function Left({ until }: { until: number }) {
  const { t } = useRoom();
  useNow(250);
  return <span aria-hidden="true">{t.secondsLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)))}</span>;
}
