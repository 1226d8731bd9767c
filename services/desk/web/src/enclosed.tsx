// What goes with the next message: the files that were chosen, each with how far
// it is and what can be done about it, and answers for the customer to press. When
// no message can go, what can be sent in its place.
import { useEffect, useState } from 'preact/hooks';
import type { ConversationView } from './types.gen';
import type { Chosen } from './model';
import type { Draft } from './prefs';
import { weight } from './format';
import { said } from './i18n';
import { idOf, may, windowOf } from './model';
import { useNow, useRoom } from './rt';
import { again, drop } from './upload';

const AGAIN_MS = 2_000;
// What can be sent in place of a message comes after this part, and the browser
// keeps it: a newer house takes it away.
const utility = () => import('./utility');
utility().catch(() => {});

export function Enclosed({ view, draft, change }: { view: ConversationView; draft: Draft; change: (d: Draft) => void }) {
  const { desk, t } = useRoom();
  const now = useNow(5_000);
  const all = desk.state.files[idOf(view)] ?? [];
  const quick = draft.quickReplies ?? [];
  const closed = windowOf(view, now).kind === 'closed' && may(view, 'send');
  const [part, have] = useState<Awaited<ReturnType<typeof utility>>>();
  useEffect(() => {
    let timer = 0;
    const come = () => void utility().then(have, () => (timer = setTimeout(come, AGAIN_MS) as unknown as number));
    if (closed) come();
    return () => clearTimeout(timer);
  }, [closed]);
  if (closed) return part ? <part.Utility view={view} /> : null;
  if (draft.mode !== 'reply') return null;
  return (
    <>
      {all.length > 0 && <ul class="enclosed">{all.map((one) => <One key={one.key} view={view} one={one} />)}</ul>}
      {quick.length > 0 && (
        <ul class="quick">
          {quick.map((q, i) => (
            <li key={i} dir="auto">
              {q.title} <button type="button" class="plain" aria-label={t.removeFile(q.title ?? '')} title={t.removeFile(q.title ?? '')}
                onClick={() => { change({ ...draft, quickReplies: quick.filter((_, at) => at !== i) }); document.querySelector<HTMLTextAreaElement>('.field textarea')?.focus(); }}>×</button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function One({ view, one }: { view: ConversationView; one: Chosen }) {
  const { desk, t } = useRoom();
  const bad = one.state === 'refused' || one.state === 'failed';
  const why = one.error === 'TOO_LARGE' && one.size > one.most ? t.fileLimit(weight(one.most, t)) : (said(t, one.error) ?? t.notTaken);
  return (
    <li data-file={one.state} class={bad ? 'bad' : ''}>
      {one.url ? <img src={one.url} alt="" /> : <span class="sign" aria-hidden="true">{bad ? '⚠' : '📎'}</span>}
      <span class="att-name" dir="auto">
        {one.name}
        <small role={bad ? 'alert' : undefined}>{one.error ? why : one.state === 'done' ? weight(one.size, t) : one.sent === one.size ? t.checking : t.uploading}</small>
        {one.state === 'going' && <progress max={one.size} value={one.sent} aria-label={t.uploading} />}
      </span>
      {one.state === 'failed' && <button type="button" class="plain" onClick={() => again(desk, view, one)}>{t.retry}</button>}
      <button type="button" class="plain" aria-label={t.removeFile(one.name)} title={t.removeFile(one.name)} onClick={() => drop(desk, view, one)}>×</button>
    </li>
  );
}
