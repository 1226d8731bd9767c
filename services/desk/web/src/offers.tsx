// Offers: conversations shown to this agent for a short time. They have their
// own place on the page, so that they never cover Send or End.
import { useEffect, useState } from 'preact/hooks';
import type { ConversationView } from './types.gen';
import { hue, initial, nameOf, preview, span } from './format';
import { idOf, invites, num, offers } from './model';
import { useNow, useRoom } from './rt';

export function Offers() {
  const { desk, t } = useRoom();
  const all = offers(desk.state);
  return (
    <section class="offers" aria-label={t.offers} aria-live="assertive">
      {all.map((v, i) => <Offer key={`${idOf(v)} ${v.offer?.fence}`} view={v} first={i === 0} />)}
      {invites(desk.state).map((v) => <Invitation key={idOf(v)} view={v} />)}
    </section>
  );
}

function Offer({ view, first }: { view: ConversationView; first: boolean }) {
  const { desk, t } = useRoom();
  const now = useNow(500);
  const name = nameOf(view, t);
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

// Invitation asks this agent for advice, or to take a conversation over.
function Invitation({ view }: { view: ConversationView }) {
  const { desk, t } = useRoom();
  const { byName, by, question, untilMs, part } = view.part ?? {};
  const left = Math.max(0, num(untilMs) - useNow(500));
  const busy = desk.state.busy.has(`offer ${idOf(view)}`);
  return (
    <article class="offer invite">
      <header>
        <span class={`avatar hue${hue(view)}`} aria-hidden="true">{initial(nameOf(view, t))}</span>
        <span class="what">{(part === 'PART_SUCCESSOR' ? t.succession : t.invitation)(byName || by || '')}</span>
        <b class="name" dir="auto">{nameOf(view, t)}</b>
        {untilMs && <span class="secs" aria-live="off">{t.secondsLeft(Math.ceil(left / 1000))}</span>}
      </header>
      {question && <p class="asks" dir="auto">{question}</p>}
      <p class="quiet" dir="auto">{preview(view, t)}</p>
      <div class="buttons">
        <button class="primary" disabled={busy} onClick={() => void desk.advise(view, true)}>{t.accept}</button>
        <button disabled={busy} onClick={() => void desk.advise(view, false)}>{t.reject}</button>
      </div>
    </article>
  );
}
