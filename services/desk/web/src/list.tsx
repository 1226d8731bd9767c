// The work list on the left.
import type { ConversationView } from './types.gen';
import { hue, initial, long, nameOf, preview, span, when } from './format';
import { answers, idOf, mine, num, unread, waiting, windowOf } from './model';
import { memo, useNow, useRoom } from './rt';
import { later } from './later';

const ClosedItems = later(() => import('./closed').then((m) => m.ClosedItems));
const Narrow = later(() => import('./narrow').then((m) => m.Narrow));
const OpenItems = later(() => import('./open').then((m) => m.OpenItems));
const Unsent = later(() => import('./unsent').then((m) => m.Unsent));
const AMBER_MS = 4 * 3_600_000;

export function WorkList() {
  const { desk, t } = useRoom();
  const s = desk.state;
  const now = useNow(20_000);
  const all = { mine: mine(s), waiting: waiting(s) };
  const query = s.query.trim().toLocaleLowerCase();
  const rows = (s.section === 'open' ? [] : all[s.section]).filter((v) => (!s.keep || s.keep(v)) && (!query || `${nameOf(v, t)} ${v.title ?? ''} ${v.preview ?? ''} ${v.labels ?? ''}`.toLocaleLowerCase().includes(query)));
  const ready = s.standing.presence === 'PRESENCE_AVAILABLE' || s.standing.presence === 'PRESENCE_BUSY';
  const nothing = query || s.keep ? t.noMatch : s.section === 'waiting' ? t.noWaiting : ready ? t.noMineReady : t.noMine;
  return (
    <nav class="list" aria-label={t.list}>
      <div class="list-head">
        <div class="sections">
          <input
            type="search" value={s.query} placeholder={t.search} aria-label={t.search}
            onInput={(e) => desk.set({ query: e.currentTarget.value })}
          />
          {s.section !== 'open' && <Narrow />}
        </div>
        <div class="sections" role="group" aria-label={t.list}>
          {([['mine', t.mine, all.mine.length], ['waiting', t.waiting, all.waiting.length], ['open', t.openItems, s.queues.reduce((n, q) => n + (q.waiting ?? 0), 0)]] as const).map(([k, name, n]) => (k !== 'open' || answers(s.me)) && (
            <button key={k} class="chip" aria-pressed={s.section === k} onClick={() => desk.set({ section: k })}>{name} <b>{n}</b></button>
          ))}
        </div>
      </div>
      <Unsent />
      {!s.ready && <Skeleton />}
      {s.ready && s.section === 'open' && <OpenItems query={query} />}
      {s.ready && s.section !== 'open' && rows.length === 0 && <p class="quiet nothing">{nothing}</p>}
      <ul class="rows" onKeyDown={rove}>
        {rows.map((v, i) => (
          <Row
            key={idOf(v)} view={v} unread={unread(s, v)} open={s.open === idOf(v)}
            stop={s.open === idOf(v) || (i === 0 && !rows.some((x) => idOf(x) === s.open))} minute={Math.floor(now / 20_000)}
          />
        ))}
      </ul>
      {answers(s.me) && <ClosedItems />}
    </nav>
  );
}

// rove moves the focus with the arrow keys; the list is one stop for Tab.
export function rove(e: KeyboardEvent) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
  if (!step) return;
  const buttons = [...(e.currentTarget as HTMLElement).querySelectorAll('button')];
  const i = buttons.indexOf(document.activeElement as HTMLButtonElement);
  buttons[Math.min(buttons.length - 1, Math.max(0, i + step))]?.focus();
  e.preventDefault();
}

interface RowProps {
  view: ConversationView;
  unread: number;
  open: boolean;
  // The Tab key stops here.
  stop: boolean;
  // Changes when times must be drawn again.
  minute: number;
}

const Row = memo(function Row({ view, unread: n, open, stop }: RowProps) {
  const { desk, t } = useRoom();
  const now = desk.now();
  const name = nameOf(view, t);
  return (
    <li>
      <button class={`row${n ? ' fresh' : ''}`} aria-current={open ? 'true' : undefined} tabIndex={stop ? 0 : -1} onClick={() => desk.show(idOf(view))}>
        <span class={`avatar hue${hue(view)}`} aria-hidden="true">{initial(name)}</span>
        <span class="name" dir="auto">{view.title || name}</span>
        <time>{when(num(view.newestMs), now, t)}</time>
        <span class="line" dir="auto">{preview(view, t)}</span>
        <Badge view={view} unread={n} now={now} />
      </button>
    </li>
  );
});

// Badge shows the one thing most worth knowing.
function Badge({ view, unread: n, now }: { view: ConversationView; unread: number; now: number }) {
  const { t } = useRoom();
  if (n > 0) return <span class="badge count" title={t.unread(n)}>{n}<span class="sr"> {t.unread(n)}</span></span>;
  if (view.part) return <span class="badge soft">{t[view.part.part ?? 'PART_UNSPECIFIED']}</span>;
  if (view.phase === 'PHASE_WRAP_UP') return <span class="badge soft">{t.wrapUpBadge}</span>;
  const w = windowOf(view, now);
  if (w.kind === 'closed') return <span class="badge red" title={t.windowShutLong}>{t.windowShut}</span>;
  if (w.left < AMBER_MS) return <span class="badge amber" title={t.windowLeft(long(w.left, t))}>{span(w.left)}</span>;
  return view.labels && <span class="badge soft">{view.labels[0]}</span>;
}

function Skeleton() {
  return <div class="skeleton" aria-hidden="true"><i /><i /><i /></div>;
}
