// What the agent had today that is over. Loaded apart, with its words.
import { useEffect, useState } from 'preact/hooks';
import type { ClosedItem, ListClosedItemsResponse } from './types.gen';
import { clock, nameOf } from './format';
import { later } from './later';
import { mine, num } from './model';
import { useRoom } from './rt';
import texts from './texts/closed';

const Earlier = later(() => import('./earlier').then((m) => m.Earlier));
const MOST = 200;

// ClosedItems is a list that opens beneath the work list. It is read when it is opened,
// and again when there is more or less to do.
export function ClosedItems() {
  const { desk, prefs, t } = useRoom();
  const w = texts[prefs.lang];
  const [open, turn] = useState(false);
  const [page, setPage] = useState<ListClosedItemsResponse>();
  const [read, setRead] = useState<ClosedItem>();
  const inHand = mine(desk.state).length;
  const name = (i: ClosedItem) => nameOf({ ref: i.ref, customer: { name: i.customer } }, t);
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
            <button class="plain" dir="auto" onClick={() => setRead(i)}>{name(i)}</button> <time>{clock(num(i.closedMs), t)}</time>
            <small class="quiet" dir="auto">{about(i)}</small>
          </li>
        ))}
      </ul>
      {open && (page?.total ?? 0) > MOST && <p class="quiet">{w.latest}</p>}
      {read && <Earlier key={read.ref!.conversation} via={read.ref!} past={read.ref!} customer={name(read)} title={name(read)} about={about(read)} onClose={() => setRead(undefined)} />}
    </details>
  );
}

const about = (i: ClosedItem): string => [i.queue, ...(i.dispositions ?? [])].filter(Boolean).join(' · ');
