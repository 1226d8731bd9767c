// The form before the desk.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Turned } from './desk';
import { span } from './format';
import { said, type Words } from './i18n';
import { useNow, useRoom } from './rt';

export function SignIn() {
  const { desk, t, prefs, setPrefs } = useRoom();
  const { session, why } = desk.state;
  const now = useNow(500);
  const [turned, setTurned] = useState<Turned & { at: number }>();
  const [busy, setBusy] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  const form = session === 'out' || session === 'ended';
  const { sso, closed } = document.getElementById('desk')!.dataset;
  useLayoutEffect(() => first.current?.focus(), [form]);
  const left = turned ? turned.at + turned.wait * 1000 - now : 0;
  const error = turned && told(turned, left, t);

  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    setBusy(true);
    const no = await desk.signIn(String(data.get('agent')).trim(), String(data.get('password')));
    setBusy(false);
    setTurned(no && { ...no, at: desk.now() });
  };

  // Nothing stands where the card will be: it would be pushed about by it.
  if (!form) return <main class="door"><h1 class="sr">{t.product}</h1><p class="quiet" role="status">{session === 'asking' ? t.loading : t.unreachable}</p></main>;
  return (
    <main class="door">
      <div class="card">
        <h1><span class="logo" aria-hidden="true" />{t.product}</h1>
        <form onSubmit={submit}>
          {session === 'ended' && !error ? <Ended why={why} /> : <p class="quiet">{t.signInLead}</p>}
          {sso && <button type="button" class="primary" onClick={() => location.assign('/sso')}>{t.signIn}: {sso}</button>}
          {!closed && <>
            <label>{t.agent}
              <input ref={first} name="agent" autocomplete="username" autocapitalize="none" spellcheck={false} required />
            </label>
            <label>{t.password}
              <input name="password" type="password" autocomplete="current-password" required />
            </label>
            {error && <p class="wrong" role={left > 0 ? 'timer' : 'alert'}>{error}</p>}
            <button class="primary" disabled={busy || left > 0}>{t.signIn}</button>
          </>}
          <p class="quiet">{t.recorded}</p>
        </form>
        <p class="langs">
          {(['bg', 'en'] as const).map((l) => (
            <button key={l} class="plain" lang={l} aria-pressed={prefs.lang === l} onClick={() => setPrefs({ lang: l })}>
              {l === 'bg' ? 'Български' : 'English'}
            </button>
          ))}
        </p>
      </div>
    </main>
  );
}

// told is what is said of a sign-in that failed: of one that has to wait, until
// the wait is over.
function told({ word }: Turned, left: number, t: Words): string {
  if (word !== 'TOO_MANY_TRIES') return t[word];
  return left > 0 ? t.TOO_MANY_TRIES(span(left)) : '';
}

// Ended says why who was signed in is not any more, and what became of the work.
function Ended({ why }: { why: string }) {
  const { t } = useRoom();
  const returns = why !== 'NO_ROLE' && why !== 'REVOKED' && why !== 'otherAgent';
  return <p class="ended" role="status">{said(t, why) ?? t.sessionEnded}{returns && ` ${t.kept}`}</p>;
}
