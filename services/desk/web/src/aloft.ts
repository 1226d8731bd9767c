// The words of the supervisor's view, which come with it.
import { useEffect, useState } from 'preact/hooks';
import { filled, type Lang, type SameAs, type WordsOf } from './fill';
import type { Words } from './i18n';
import { useRoom, type Room } from './rt';
import type en from './texts/floor/en';

export type Same = SameAs<typeof en>;
// Aloft is the room of the supervisor's view: its words besides those of the page.
export type Aloft = Room & { t: Words & WordsOf<typeof en> };

const files: Record<Lang, () => Promise<{ default: Same }>> = {
  en: () => import('./texts/floor/en'),
  bg: () => import('./texts/floor/bg'),
};
const AGAIN_MS = 2_000;

// useAloft is the room, below the view.
export const useAloft = (): Aloft => useRoom() as Aloft;

// useWords makes that room: undefined until its words are here.
export function useWords(): Aloft | undefined {
  const room = useRoom();
  const { lang } = room.prefs;
  const [got, take] = useState<{ lang: Lang; words: WordsOf<typeof en> }>();
  useEffect(() => {
    let timer = 0;
    const come = () => void files[lang]().then(
      (m) => take({ lang, words: filled<typeof en>(m.default) }), () => (timer = setTimeout(come, AGAIN_MS) as unknown as number),
    );
    come();
    return () => clearTimeout(timer);
  }, [lang]);
  return got && { ...room, t: { ...room.t, ...got.words } };
}
