// The form before the desk.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { useRoom } from './rt';

export function SignIn() {
  const { desk, t, prefs, setPrefs } = useRoom();
  const { session, why } = desk.state;
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  const form = session === 'out' || session === 'ended';
  useLayoutEffect(() => first.current?.focus(), [form]);

  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    setBusy(true);
    const wrong = await desk.signIn(String(data.get('agent')).trim(), String(data.get('password')));
    setBusy(false);
    setError(wrong && t[wrong]);
  };

  return (
    <main class="door">
      <div class="card">
        <h1><span class="logo" aria-hidden="true" />{t.product}</h1>
        {!form && <p class="quiet" role="status">{session === 'asking' ? t.loading : t.unreachable}</p>}
        {form && (
          <form onSubmit={submit}>
            <p class="quiet">{session === 'ended' ? t[why] : t.signInLead}</p>
            <label>{t.agent}
              <input ref={first} name="agent" autocomplete="username" autocapitalize="none" spellcheck={false} required />
            </label>
            <label>{t.password}
              <input name="password" type="password" autocomplete="current-password" required />
            </label>
            {error && <p class="wrong" role="alert">{error}</p>}
            <button class="primary" disabled={busy}>{t.signIn}</button>
          </form>
        )}
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
