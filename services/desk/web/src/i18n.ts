// The languages of the page. Each has a file of its own under texts, which is
// loaded when somebody reads that language.
import { filled, type Lang, type SameAs, type WordsOf } from './fill';
import type en from './texts/en';

export type Same = SameAs<typeof en>;
export type Words = WordsOf<typeof en>;

const files: Record<Lang, () => Promise<{ default: Same }>> = {
  en: () => import('./texts/en'),
  bg: () => import('./texts/bg'),
};
const loaded = new Map<Lang, Words>();

// words is a language that speak has loaded, or undefined.
export const words = (lang: Lang): Words | undefined => loaded.get(lang);

// speak loads a language, once.
export async function speak(lang: Lang): Promise<void> {
  if (loaded.has(lang)) return;
  loaded.set(lang, filled<typeof en>((await files[lang]()).default));
}

// said is the text of a machine word, if there is one.
export function said(t: Words, machine: string): string | undefined {
  const text = (t as Record<string, unknown>)[machine];
  return typeof text === 'string' ? text : undefined;
}

// word is the text of a reason, or the reason itself when it is new to us:
// better shown raw than hidden.
export const word = (t: Words, machine: string): string => said(t, machine) ?? t.refusedBy(machine);
