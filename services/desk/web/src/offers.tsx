// Offers: conversations shown to this agent for a short time. They have their
// own place on the page, so that they never cover Send or End.
import type { ConversationView } from './types.gen';
import { hue, initial, nameOf, preview, span } from './format';
import { idOf, num, offers } from './model';
import { useNow, useRoom } from './rt';

export function Offers() {
  const { desk, t } = useRoom();
  const all = offers(desk.state);
  return (
    <section class="offers" aria-label={t.offers} aria-live="assertive">
      {all.map((v, i) => <Offer key={`${idOf(v)} ${v.offer?.fence}`} view={v} first={i === 0} />)}
    </section>
  );
}

function Offer({ view, first }: { view: ConversationView; first: boolean }) {
  const { desk, t } = useRoom();
  const now = useNow(500);
  const name = nameOf(view, t);
  const total = Math.max(1, num(view.offer?.untilMs) - num(view.offer?.madeMs));
  // The clocks differ by what the way here took: never more than there is.
  const left = Math.min(total, Math.max(0, num(view.offer?.untilMs) - now));
  const busy = desk.state.busy.has(`offer ${idOf(view)}`);
  return (
    <article class={`offer${left < 10_000 ? ' late' : ''}`}>
      <header>
        <span class={`avatar hue${hue(view)}`} aria-hidden="true">{initial(name)}</span>
        <span class="what">{t.offer}</span>
        <b class="name" dir="auto">{name}</b>
        <span class="secs" aria-live="off">{t.secondsLeft(Math.ceil(left / 1000))}</span>
      </header>
      <p class="line" dir="auto">{preview(view, t)}</p>
      <p class="quiet" aria-live="off">{view.queue} · {t.waited(span(now - num(view.queuedMs)))}</p>
      <div class="buttons">
        <button class="primary" disabled={busy || left === 0} onClick={() => void desk.answer(view, true)}>
          {t.accept}{first && <kbd>Alt A</kbd>}
        </button>
        <button disabled={busy || left === 0} onClick={() => void desk.answer(view, false)}>
          {t.reject}{first && <kbd>Alt R</kbd>}
        </button>
      </div>
      <div class="fuse" aria-hidden="true"><i style={{ transform: `scaleX(${(left / total).toFixed(4)})` }} /></div>
    </article>
  );
}
