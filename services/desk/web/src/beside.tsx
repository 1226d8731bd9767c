// What stands beside the offers: questions of colleagues, conversations that the
// agent was given without being asked, and once whether the browser may tell too.
import { useEffect, useState } from 'preact/hooks';
import type { FunctionComponent } from 'preact';
import type { ConversationView, NotificationRow } from './types.gen';
import { hue, initial, nameOf, preview } from './format';
import { idOf, invites, num, toldOf, unread } from './model';
import { useNow, useRoom } from './rt';

// Lent are what the page has anyway: to import it would part it into more files.
interface Lent { rows: FunctionComponent<{ rows?: NotificationRow[] | undefined }>; call: (v: ConversationView) => (() => void) }

export function Beside(lent: Lent) {
  const { desk } = useRoom();
  const s = desk.state;
  const now = useNow(500);
  const given = [...s.views.values()].filter((v) => num(v.notification?.givenUntilMs) > now && s.open !== idOf(v) && unread(s, v) > 0);
  return (
    <>
      {invites(s).map((v) => <Invitation key={idOf(v)} view={v} now={now} {...lent} />)}
      {given.map((v) => <Given key={idOf(v)} view={v} now={now} {...lent} />)}
      <Ask />
    </>
  );
}

interface Told extends Lent { view: ConversationView; now: number }

// Invitation asks this agent for advice, or to take a conversation over.
function Invitation({ view, now, rows: Rows }: Told) {
  const { desk, t, prefs } = useRoom();
  const told = toldOf(view, prefs.lang);
  const { byName, by, question, untilMs, part } = view.part ?? {};
  const left = Math.max(0, num(untilMs) - now);
  const busy = desk.state.busy.has(`offer ${idOf(view)}`);
  return (
    <article class="offer invite">
      <Head view={view} what={told.title || (part === 'PART_SUCCESSOR' ? t.succession : t.invitation)(byName || by || '')} left={untilMs && !told.hideCountdown ? left : 0} />
      {question && <p class="asks" dir="auto">{question}</p>}
      <p class="quiet" dir="auto">{preview(view, t)}</p>
      <Rows rows={told.rows} />
      <div class="buttons">
        <button class="primary" disabled={busy} onClick={() => void desk.advise(view, true)}>{told.accept || t.accept}</button>
        {!told.noReject && <button disabled={busy} onClick={() => void desk.advise(view, false)}>{told.reject || t.reject}</button>}
      </div>
    </article>
  );
}

// Given tells of a conversation that is the agent's already.
function Given({ view, now, rows: Rows, call }: Told) {
  const { desk, t, prefs } = useRoom();
  const told = toldOf(view, prefs.lang);
  useEffect(() => (desk.state.lead ? call(view) : undefined), []);
  return (
    <article class="offer">
      <Head view={view} what={told.title || t.yours} left={told.hideCountdown ? 0 : num(told.givenUntilMs) - now} />
      <p class="line" dir="auto">{preview(view, t)}</p>
      <Rows rows={told.rows} />
      <div class="buttons"><button class="primary" onClick={() => desk.show(idOf(view))}>{told.accept || t.open}</button></div>
    </article>
  );
}

function Head({ view, what, left }: { view: ConversationView; what: string; left: number }) {
  const { t } = useRoom();
  const name = nameOf(view, t);
  return (
    <header>
      <span class={`avatar hue${hue(view)}`} aria-hidden="true">{initial(name)}</span>
      <span class="what" dir="auto">{what}</span>
      <b class="name" dir="auto">{name}</b>
      {left > 0 && <span class="secs" aria-live="off">{t.secondsLeft(Math.ceil(left / 1000))}</span>}
    </header>
  );
}

// Ask asks once whether the browser may tell of conversations, when the first
// comes whose template wants that. It hurries nobody, and whoever says no finds
// the same in the menu.
function Ask() {
  const { desk, t, prefs, setPrefs } = useRoom();
  const wants = [...desk.state.views.values()].some((v) => /ALWAYS|BACKGROUND/.test(v.notification?.desktop ?? ''));
  const [wanted, setWanted] = useState(wants);
  useEffect(() => {
    if (wants) setWanted(true);
  }, [wants]);
  if (!wanted || prefs.asked || !('Notification' in window) || Notification.permission !== 'default') return null;
  const done = () => setPrefs({ asked: true });
  return (
    <div class="offer ask" role="group" aria-live="off" aria-label={t.notifications}>
      <p class="line">{t.askDesktop}</p>
      <div class="buttons">
        <button onClick={() => void Notification.requestPermission().then(done)}>{t.allow}</button>
        <button onClick={done}>{t.askLater}</button>
      </div>
    </div>
  );
}
