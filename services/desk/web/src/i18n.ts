// The languages of the page. Each has a file of its own under texts, which is
// loaded when somebody reads that language.
import type en from './texts/en';

type Values<S> = S extends `${infer One}|${string}` ? Values<One>
  : S extends `${string}{}${infer Rest}` ? [string | number, ...Values<Rest>] : [];
type Blanks<S> = S extends `${infer One}|${string}` ? Blanks<One>
  : S extends `${string}{}${infer Rest}` ? `${string}{}${Blanks<Rest>}` : string;
type Word<S> = Values<S> extends [] ? string : (...values: Values<S>) => string;

// Same is what another language must have: all texts, with the same values.
export type Same = { [K in keyof typeof en]: Blanks<(typeof en)[K]> };
export type Lang = 'en' | 'bg';
export type Words = { [K in keyof typeof en]: Word<(typeof en)[K]> };

const files: Record<Lang, () => Promise<{ default: Same }>> = {
  en: () => import('./texts/en'),
  bg: () => import('./texts/bg'),
};
// languages is all there are.
export const languages = Object.keys(files) as Lang[];
const loaded = new Map<Lang, Words>();

// words is a language that speak has loaded, or undefined.
export const words = (lang: Lang): Words | undefined => loaded.get(lang);

// speak loads a language, once.
export async function speak(lang: Lang): Promise<void> {
  if (loaded.has(lang)) return;
  const texts = Object.entries((await files[lang]()).default);
  loaded.set(lang, Object.fromEntries(texts.map(([k, text]) => [k, text.includes('{}') ? fill(text) : text])) as Words);
}

function fill(text: string): (...values: (string | number)[]) => string {
  const [one, more = one] = text.split('|');
  return (...values) => (values[0] === 1 ? one : more)!.replaceAll('{}', () => String(values.shift()));
}

// said is the text of a machine word, if there is one.
export function said(t: Words, machine: string): string | undefined {
  const text = (t as Record<string, unknown>)[machine];
  return typeof text === 'string' ? text : undefined;
}

// word is the text of a reason, or the reason itself when it is new to us:
// better shown raw than hidden.
export const word = (t: Words, machine: string): string => said(t, machine) ?? t.refusedBy(machine);
