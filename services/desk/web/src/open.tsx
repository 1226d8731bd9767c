// What waits in the agent's queues and may be picked.
import { useEffect, useState } from 'preact/hooks';
import type { ListOpenItemsResponse, OpenItem } from './types.gen';
import { hue, initial, nameOf, preview, span } from './format';
import { idOf, num } from './model';
import { useNow, useRoom } from './rt';

const EVERY_MS = 10_000;

export function OpenItems({ query }: { query: string }) {
  const { desk, t } = useRoom();
  const [page, setPage] = useState<ListOpenItemsResponse>();
  const [size, setSize] = useState(50);
  const picking = [...desk.state.busy].some((k) => k.startsWith('pick '));
  useEffect(() => {
    let left = false;
    const read = async () => {
      const got = await desk.ask<ListOpenItemsResponse>('ListOpenItems', { pageSize: size });
      if (!left && got) setPage(got);
    };
    void read();
    const timer = setInterval(() => void read(), EVERY_MS);
    return () => {
      left = true;
      clearInterval(timer);
    };
  }, [desk, size, picking]);
  const items = (page?.items ?? []).filter((i) => !query || `${i.customer ?? ''} ${i.preview ?? ''}`.toLocaleLowerCase().includes(query));
  if (!page) return <p class="quiet nothing">{t.loading}</p>;
  if (items.length === 0) return <p class="quiet nothing">{query ? t.noMatch : t.noOpen}</p>;
  return (
    <ul class="rows open-items">
      {items.map((i) => <Item key={idOf(i)} item={i} picking={picking} />)}
      {page.nextPageToken && size < 200 && <li><button class="plain" onClick={() => setSize(200)}>{t.more(num(`${page.total}`) - 50)}</button></li>}
    </ul>
  );
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
      <span class="quiet of">{[item.queue, item.priority && t.priority(item.priority)].filter(Boolean).join(' · ')}</span>
      <button class="take" disabled={picking} aria-label={`${t.assignToMe}: ${name}`} onClick={() => void desk.pick(item)}>{t.assignToMe}</button>
    </li>
  );
}
