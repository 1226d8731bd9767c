// The messages of a thread, oldest on top. It stays at the newest while the
// agent is there, and stays put while the agent reads further up.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ConversationRef, ConversationView, TimelineItem } from './types.gen';
import type { Entry } from './outbox';
import { day, dayKey } from './format';
import { idOf, may, num, quotedBy, threadOf } from './model';
import { memo, useRoom } from './rt';
import { Bubble, Draft, SystemLine } from './bubble';
import { later } from './later';

const Lightbox = later(() => import('./lightbox').then((m) => m.Lightbox));

const SHOWN = 200;
// So many go at once from the top: each time one goes, all that stand below move.
const STEP = 50;
const NEAR_PX = 40;
const GROUP_MS = 5 * 60_000;

export function Timeline({ view }: { view: ConversationView }) {
  const { desk, t } = useRoom();
  const s = desk.state;
  const thread = threadOf(s, view.ref);
  const [limit, setLimit] = useState(SHOWN);
  const over = thread.sorted.length - limit;
  const items = over > 0 ? thread.sorted.slice(Math.ceil(over / STEP) * STEP) : thread.sorted;
  const drafts = s.outbox.filter((e) => e.ref.conversation === idOf(view));
  const scroll = useScroll(items, drafts);

  const onScroll = () => {
    const el = scroll.box.current;
    if (!el) return;
    // Who comes back to the end leaves behind what was read further up.
    if (scroll.moved()) setLimit(SHOWN);
    else if (el.scrollTop <= 300 && (!thread.failed || thread.sorted.length > limit)) older();
  };
  const older = () => {
    setLimit(limit + 100);
    if (thread.sorted.length <= limit) void desk.history(view.ref, true);
  };
  const fresh = s.since && items.find((i) => i.author === 'AUTHOR_CUSTOMER' && num(i.atMs) > s.since);
  const sends = may(view, 'send');
  const today = dayKey(desk.now());
  const whole = thread.loaded && thread.next === '0' && thread.sorted.length <= limit;

  return (
    <div class="log-frame">
      <div class="log" ref={scroll.box} onScroll={onScroll} tabIndex={0} role="log" aria-label={t.timeline} aria-live="polite" aria-busy={thread.reading > 0}>
        <div class="log-inner" ref={scroll.inner}>
          {thread.reading > 0 && <p class="sys" role="presentation">{thread.loaded ? t.loadingOlder : t.loading}</p>}
          {thread.failed && (
            <p class="sys">{t.historyFailed} <button class="plain" onClick={() => void desk.history(view.ref, thread.loaded)}>{t.again}</button></p>
          )}
          {whole && <p class="sys">{t.beginning}</p>}
          {items.map((item, i) => (
            <Line
              key={item.id} item={item} before={items[i - 1]} after={items[i + 1]} fresh={item === fresh} quoted={quotedBy(thread.items, item)}
              conversation={view.ref!} customer={view.customer?.name ?? ''} sends={sends} today={today}
            />
          ))}
          {drafts.map((e) => <Draft key={e.clientId} entry={e} link={s.link} />)}
        </div>
      </div>
      <Lightbox box={scroll.box} older={whole || thread.failed ? undefined : older} />
      {scroll.away && (
        <button class="jump" onClick={scroll.toBottom}>↓ {scroll.fresh ? t.newMessages(scroll.fresh) : t.toBottom}</button>
      )}
    </div>
  );
}

// LineProps is an item between two others. Of what is past nothing can be done about it.
export interface LineProps {
  item: TimelineItem;
  before: TimelineItem | undefined;
  after: TimelineItem | undefined;
  fresh?: boolean;
  quoted: TimelineItem | undefined;
  conversation: ConversationRef;
  customer: string;
  sends: boolean;
  past?: boolean;
  // Changes when days must be named again.
  today: string;
}

// Line is an item with the day before it, where one begins.
export const Line = memo(function Line(p: LineProps) {
  const { desk, t } = useRoom();
  const { item, before, after } = p;
  const at = num(item.atMs);
  const newDay = !before || dayKey(num(before.atMs)) !== dayKey(at);
  return (
    <>
      {newDay && <p class="day"><span>{day(at, desk.now(), t)}</span></p>}
      {p.fresh && <p class="day fresh"><span>{t.fresh}</span></p>}
      {item.author === 'AUTHOR_SYSTEM'
        ? <SystemLine item={item} me={desk.state.me.agent ?? ''} />
        : (
          <Bubble
            item={item} quoted={p.quoted} conversation={p.conversation} customer={p.customer} sends={p.sends}
            first={newDay || !same(before, item)} last={!same(item, after)} current={!p.past && p.conversation.conversation === item.conversation}
          />
        )}
    </>
  );
});

// same says whether two neighbours are one speaker's run of messages.
function same(a: TimelineItem | undefined, b: TimelineItem | undefined): boolean {
  return !!a && !!b && a.author === b.author && a.agent === b.agent && a.details?.trigger === b.details?.trigger && num(b.atMs) - num(a.atMs) < GROUP_MS && dayKey(num(a.atMs)) === dayKey(num(b.atMs));
}

// useScroll keeps the place. What the agent reads must not move: neither when
// older messages come in above nor when pictures grow.
function useScroll(items: readonly TimelineItem[], drafts: readonly Entry[]) {
  const box = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const stuck = useRef(true);
  const was = useRef({ first: '', height: 0, last: '' });
  const [away, setAway] = useState(false);
  const [fresh, setFresh] = useState(0);
  const first = items[0]?.id ?? '';
  const last = items.at(-1)?.id ?? '';

  useLayoutEffect(() => {
    const el = box.current!;
    const { first: oldFirst, height, last: oldLast } = was.current;
    if (stuck.current) el.scrollTop = el.scrollHeight;
    else if (oldFirst && first !== oldFirst) el.scrollTop += el.scrollHeight - height;
    if (!stuck.current && oldLast && last !== oldLast) {
      const from = items.findIndex((i) => i.id === oldLast);
      const n = items.slice(from + 1).filter((i) => i.author === 'AUTHOR_CUSTOMER').length;
      if (from >= 0 && n) setFresh((f) => f + n);
    }
    was.current = { first, last, height: el.scrollHeight };
  }, [items, drafts, first, last]);

  const newest = drafts.at(-1)?.clientId;
  useLayoutEffect(() => {
    if (!newest) return;
    stuck.current = true;
    box.current!.scrollTop = box.current!.scrollHeight;
  }, [newest]);

  useLayoutEffect(() => {
    const watch = new ResizeObserver(() => {
      if (stuck.current) box.current!.scrollTop = box.current!.scrollHeight;
    });
    watch.observe(inner.current!);
    watch.observe(box.current!);
    return () => watch.disconnect();
  }, []);

  const moved = () => {
    const el = box.current!;
    stuck.current = el.scrollHeight - el.scrollTop - el.clientHeight < NEAR_PX;
    setAway(!stuck.current);
    if (stuck.current) setFresh(0);
    return stuck.current;
  };
  const toBottom = () => {
    stuck.current = true;
    box.current!.scrollTop = box.current!.scrollHeight;
    moved();
  };
  return { box, inner, away, fresh, moved, toBottom };
}
