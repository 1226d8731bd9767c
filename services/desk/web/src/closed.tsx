// What the agent had today that is over. Loaded apart, with its words.
import { useEffect, useState } from 'preact/hooks';
import type { ListClosedItemsResponse } from './types.gen';
import { clock, nameOf } from './format';
import { mine, num } from './model';
import { useRoom } from './rt';
import texts from './texts/closed';

const MOST = 200;

// ClosedItems is a list that opens beneath the work list. It is read when it is opened,
// and again when there is more or less to do.
export function ClosedItems() {
  const { desk, prefs, t } = useRoom();
  const w = texts[prefs.lang];
  const [open, turn] = useState(false);
  const [page, setPage] = useState<ListClosedItemsResponse>();
  const inHand = mine(desk.state).length;
  useEffect(() => {
    let left = false;
    if (open) {
      void desk.ask<ListClosedItemsResponse>('ListClosedItems', { sinceMs: String(new Date(desk.now()).setHours(0, 0, 0, 0)), pageSize: MOST })
        .then((got) => { if (!left && got) setPage(got); });
    }
    return () => {
      left = true;
    };
  }, [desk, open, inHand]);
  const items = page?.items ?? [];
  return (
    <details class="closed" onToggle={(e) => turn(e.currentTarget.open)}>
      <summary>{w.closed}{open && page && ` (${page.total ?? 0})`}</summary>
      {open && (page
        ? items.length === 0 && <p class="quiet">{w.none}</p>
        : <p class="quiet">{t.loading}</p>)}
      <ul>
        {open && items.map((i) => (
          <li key={i.ref?.conversation}>
            <b dir="auto">{nameOf({ ref: i.ref, customer: { name: i.customer } }, t)}</b> <time>{clock(num(i.closedMs), t)}</time>
            <small class="quiet" dir="auto">{[i.queue, ...(i.dispositions ?? [])].filter(Boolean).join(' · ')}</small>
          </li>
        ))}
      </ul>
      {open && (page?.total ?? 0) > MOST && <p class="quiet">{w.latest}</p>}
    </details>
  );
}
