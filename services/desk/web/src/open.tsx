// What waits in the agent's queues and may be picked.
import { useEffect, useState } from 'preact/hooks';
import type { ListOpenItemsResponse, OpenItem, QueueFigure } from './types.gen';
import { clock, hue, initial, long, nameOf, preview, span } from './format';
import { idOf, num } from './model';
import { useNow, useRoom } from './rt';

export function OpenItems({ query }: { query: string }) {
  const { desk, t } = useRoom();
  const [page, setPage] = useState<ListOpenItemsResponse>();
  const [size, setSize] = useState(50);
  // The stream tells when anything about those who wait has changed.
  const tags = desk.state.queues.map((q) => q.tag).join();
  const picking = [...desk.state.busy].some((k) => k.startsWith('pick '));
  useEffect(() => {
    let left = false;
    const read = async () => {
      const got = await desk.ask<ListOpenItemsResponse>('ListOpenItems', { pageSize: size });
      if (!left && got) setPage(got);
    };
    void read();
    return () => {
      left = true;
    };
  }, [desk, size, picking, tags]);
  const items = (page?.items ?? []).filter((i) => !query || `${i.customer ?? ''} ${i.preview ?? ''}`.toLocaleLowerCase().includes(query));
  if (!page) return <p class="quiet nothing">{t.loading}</p>;
  return (
    <>
      {!query && <Queues />}
      {items.length === 0 && <p class="quiet nothing">{query ? t.noMatch : t.noOpen}</p>}
      <ul class="rows open-items">
        {items.map((i) => <Item key={idOf(i)} item={i} picking={picking} />)}
        {page.nextPageToken && size < 200 && <li><button class="plain" onClick={() => setSize(200)}>{t.more(num(`${page.total}`) - 50)}</button></li>}
      </ul>
    </>
  );
}

// Queues shows how full the agent's queues are.
function Queues() {
  const { desk } = useRoom();
  const now = useNow(5_000);
  return <ul class="queues">{desk.state.queues.map((q) => <Queue key={q.queue} queue={q} now={now} />)}</ul>;
}

function Queue({ queue: q, now }: { queue: QueueFigure; now: number }) {
  const { t } = useRoom();
  const wait = num(q.waitSeconds);
  const facts = [
    q.pausedBy && t.pausedBy(q.pausedBy, clock(num(q.pausedSinceMs), t)),
    t.waitIn(q.waiting ?? 0),
    q.waiting && t.longest(span(now - num(q.sinceMs))),
    wait > 0 && t.newWaits(long(wait * 1000, t)),
    (q.ready ?? 0) >= 0 && t.readyOf(q.ready ?? 0, q.agents ?? 0),
  ];
  return <li><b dir="auto">{q.name || q.queue}</b> <span class="quiet">{facts.filter(Boolean).join(' · ')}</span></li>;
}

function Item({ item, picking }: { item: OpenItem; picking: boolean }) {
  const { desk, t } = useRoom();
  const now = useNow(5_000);
  const name = nameOf({ ref: item.ref, customer: { name: item.customer } }, t);
  return (
    <li class="row">
      <span class={`avatar hue${hue(item)}`} aria-hidden="true">{initial(name)}</span>
      <span class="name" dir="auto">{name}</span>
      <time title={t.waited(span(now - num(item.waitingSinceMs)))}>{span(now - num(item.waitingSinceMs))}</time>
      <span class="line" dir="auto">{preview(item, t)}</span>
      <span class="quiet of">{[item.position && t.place(item.position), item.queue, item.priority && t.priority(item.priority)].filter(Boolean).join(' · ')}</span>
      <button class="take" disabled={picking} aria-label={`${t.assignToMe}: ${name}`} onClick={() => void desk.pick(item)}>{t.assignToMe}</button>
    </li>
  );
}
