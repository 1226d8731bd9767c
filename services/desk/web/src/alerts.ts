// Sound and desktop notifications, made by one tab only.
import { useEffect, useRef } from 'preact/hooks';
import type { ConversationView } from './types.gen';
import { nameOf, preview } from './format';
import type { Words } from './i18n';
import type { Prefs } from './prefs';
import { idOf, invites, offers, toldOf } from './model';
import { useRoom } from './rt';

const EVERY_MS = 5_000;

// beep plays 880 Hz for a moment. Browsers allow sound only after a gesture;
// before the first one it stays silent.
export async function beep(): Promise<void> {
  const audio = new AudioContext();
  try {
    await audio.resume();
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    tone.frequency.value = 880;
    gain.gain.setValueAtTime(0.0001, audio.currentTime);
    gain.gain.exponentialRampToValueAtTime(0.2, audio.currentTime + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.35);
    tone.connect(gain).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.36);
    await new Promise((done) => (tone.onended = done));
  } finally {
    void audio.close();
  }
}

// tell has the browser tell of a conversation too, where the agent allows that and
// its template wants it; what is built in does it while nobody looks at the page.
function tell(v: ConversationView, t: Words, lang: string): Notification | undefined {
  const { desktop = '', title } = toldOf(v, lang);
  if (!('Notification' in window) || Notification.permission !== 'granted') return undefined;
  if (/NEVER/.test(desktop) || (document.hasFocus() && !/ALWAYS/.test(desktop))) return undefined;
  const name = nameOf(v, t);
  const n = new Notification(title ? `${title}: ${name}` : t.offerNotice(name), { body: preview(v, t), tag: idOf(v) + v.offer?.fence, requireInteraction: true });
  n.onclick = () => {
    window.focus();
    n.close();
  };
  return n;
}

// call beeps once and has the browser tell; what it gives takes that back.
export function call(v: ConversationView, t: Words, prefs: Prefs): () => void {
  if (prefs.sound && navigator.userActivation?.hasBeenActive) void beep();
  const shown = tell(v, t, prefs.lang);
  return () => shown?.close();
}

// useAlerts calls the agent while an offer is out.
export function useAlerts(): void {
  const { desk, t, prefs } = useRoom();
  const all = [...offers(desk.state), ...invites(desk.state)];
  const key = all.map((v) => `${idOf(v)}.${v.offer?.fence}`).join(' ');
  const shown = useRef(new Map<string, Notification>());
  const loud = desk.state.lead && key !== '';
  useEffect(() => {
    if (!loud || !prefs.sound || !navigator.userActivation?.hasBeenActive) return undefined;
    void beep();
    const timer = setInterval(() => void beep(), EVERY_MS);
    return () => clearInterval(timer);
  }, [loud, key, prefs.sound]);
  useEffect(() => {
    for (const [id, n] of shown.current) {
      if (loud && key.split(' ').includes(id)) continue;
      n.close();
      shown.current.delete(id);
    }
    for (const v of loud ? all : []) {
      const id = `${idOf(v)}.${v.offer?.fence}`;
      const n = !shown.current.has(id) && tell(v, t, prefs.lang);
      if (n) shown.current.set(id, n);
    }
  }, [loud, key, t]);
  useEffect(() => () => shown.current.forEach((n) => n.close()), []);
}
