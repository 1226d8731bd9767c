// A conversation that is over, to be read and no more. Loaded apart, with its words.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ConversationRef, ListTimelineResponse, TimelineItem } from './types.gen';
import { Dialog } from './dialog';
import { later } from './later';
import { quotedBy } from './model';
import { useRoom } from './rt';
import texts from './texts/earlier';

const Lightbox = later(() => import('./lightbox').then((m) => m.Lightbox));
const PAGE = 100;

// Earlier shows the conversation of past to who has that of via, from its beginning if it
// is no longer than a page.
export function Earlier({ via, past, customer, title, about, onClose }: {
  via: ConversationRef; past: ConversationRef; customer: string; title: string; about: string; onClose: () => void;
}) {
  const { desk, prefs, t, Line } = useRoom();
  const w = texts[prefs.lang];
  const box = useRef<HTMLDivElement>(null);
  const [items, setItems] = useState<TimelineItem[]>([]);
  const [next, setNext] = useState('');
  const [state, turn] = useState<'reading' | 'failed' | ''>('');
  const read = async () => {
    turn('reading');
    const got = await desk.ask<ListTimelineResponse>('ListTimeline', { ref: via, earlier: past, limit: PAGE, ...(next && { beforeRevision: next }) });
    if (got) {
      setItems((all) => [...(got.items ?? []), ...all]);
      setNext(got.nextBeforeRevision ?? '0');
    }
    turn(got ? '' : 'failed');
  };
  useEffect(() => void read(), []);
  // Files are asked for by the conversation that the agent has.
  const conversation = { ...via, earlier: past.conversation, earlier_page: past.page, earlier_psid: past.psid };
  const thread = new Map(items.map((i) => [i.id ?? '', i]));
  return (
    <Dialog title={title} onClose={onClose}>
      <p class="quiet" dir="auto">{about}</p>
      <div class="past-log" ref={box} tabIndex={0} role="region" aria-label={t.timeline} aria-busy={state === 'reading'}>
        {state === 'reading' && <p class="sys">{t.loading}</p>}
        {state === 'failed' && <p class="sys" role="alert">{t.historyFailed} <button class="plain" onClick={read}>{t.again}</button></p>}
        {!state && next !== '0' && <p class="sys"><button class="plain" onClick={read}>{w.before}</button></p>}
        {!state && next === '0' && !items.length && <p class="sys">{w.nothing}</p>}
        {items.map((item, i) => (
          <Line
            key={item.id} item={item} before={items[i - 1]} after={items[i + 1]} quoted={quotedBy(thread, item)}
            conversation={conversation} customer={customer} sends={false} today="" past
          />
        ))}
      </div>
      <Lightbox box={box} older={undefined} />
      <form method="dialog" class="buttons"><button class="primary">{t.close}</button></form>
    </Dialog>
  );
}
