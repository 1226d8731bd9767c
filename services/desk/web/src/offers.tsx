// Offers: conversations shown to this agent for a short time. They have their
// own place on the page, so that they never cover Send or End.
import { useEffect, useState } from 'preact/hooks';
import type { ConversationView, NotificationRow } from './types.gen';
import { hue, initial, nameOf, preview, span } from './format';
import { idOf, num, offers, toldOf } from './model';
import { call } from './alerts';
import { later } from './later';
import { useNow, useRoom } from './rt';

const Beside = later(() => import('./beside').then((m) => m.Beside));

export function Offers() {
  const { desk, t, prefs } = useRoom();
  const all = offers(desk.state);
  return (
    <section class="offers" aria-label={t.offers} aria-live="assertive">
      {all.map((v, i) => <Offer key={`${idOf(v)} ${v.offer?.fence}`} view={v} first={i === 0} />)}
      <Beside rows={Rows} call={(v) => call(v, t, prefs)} />
    </section>
  );
}

function Offer({ view, first }: { view: ConversationView; first: boolean }) {
  const { desk, t, prefs } = useRoom();
  const now = useNow(500);
  const name = nameOf(view, t);
  const told = toldOf(view, prefs.lang);
  // The time to answer begins when the offer is on the screen, which is now.
  const [until, setUntil] = useState(num(view.offer?.untilMs));
  const [total, setTotal] = useState(Math.max(1, until - num(view.offer?.madeMs)));
  useEffect(() => {
    void desk.shown(view).then((ms) => {
      if (!ms) return;
      setUntil(ms);
      setTotal(Math.max(1, ms - desk.now()));
    });
  }, []);
  // The clocks differ by what the way here took: never more than there is.
  const left = Math.min(total, Math.max(0, until - now));
  const busy = desk.state.busy.has(`offer ${idOf(view)}`);
  return (
    <article class={`offer${left < 10_000 && !told.hideCountdown ? ' late' : ''}`}>
      <header>
        <span class={`avatar hue${hue(view)}`} aria-hidden="true">{initial(name)}</span>
        <span class="what" dir="auto">{told.title || t.offer}</span>
        <b class="name" dir="auto">{name}</b>
        {!told.hideCountdown && <span class="secs" aria-live="off">{t.secondsLeft(Math.ceil(left / 1000))}</span>}
      </header>
      <p class="line" dir="auto">{preview(view, t)}</p>
      <Rows rows={told.rows} />
      <p class="quiet" aria-live="off">{view.queue} · {t.waited(span(now - num(view.queuedMs)))}</p>
      <div class="buttons">
        <button class="primary" disabled={busy || left === 0} onClick={() => void desk.answer(view, true)}>
          {told.accept || t.accept}{first && <kbd>Alt A</kbd>}
        </button>
        {!told.noReject && <button disabled={busy || left === 0} onClick={() => void desk.answer(view, false)}>
          {told.reject || t.reject}{first && <kbd>Alt R</kbd>}
        </button>}
      </div>
      {!told.hideCountdown && <div class="fuse" aria-hidden="true"><i style={{ transform: `scaleX(${(left / total).toFixed(4)})` }} /></div>}
    </article>
  );
}

// Rows are what a template of notifications has said of a conversation.
export const Rows = ({ rows }: { rows?: NotificationRow[] | undefined }) =>
  rows ? <dl class="told">{rows.map((r, i) => <div key={i}><dt dir="auto">{r.label}</dt><dd dir="auto">{r.text}</dd></div>)}</dl> : null;
