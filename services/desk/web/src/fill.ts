// Texts with blanks: {} is a value; where the form depends on the first one, |
// parts the form for 1 from all others.
export const languages = ['en', 'bg'] as const;
export type Lang = (typeof languages)[number];

type Values<S> = S extends `${infer One}|${string}` ? Values<One>
  : S extends `${string}{}${infer Rest}` ? [string | number, ...Values<Rest>] : [];
type Blanks<S> = S extends `${infer One}|${string}` ? Blanks<One>
  : S extends `${string}{}${infer Rest}` ? `${string}{}${Blanks<Rest>}` : string;
type Word<S> = Values<S> extends [] ? string : (...values: Values<S>) => string;

// SameAs is what another language must have: all texts, with the same values.
export type SameAs<T> = { [K in keyof T]: Blanks<T[K]> };
// WordsOf is a language as it is used.
export type WordsOf<T> = { [K in keyof T]: Word<T[K]> };

// filled makes functions of the texts that have blanks.
export const filled = <T,>(texts: object): WordsOf<T> =>
  Object.fromEntries(Object.entries(texts).map(([k, text]) => [k, text.includes('{}') ? fill(text) : text])) as WordsOf<T>;

function fill(text: string): (...values: (string | number)[]) => string {
  const [one, more = one] = text.split('|');
  return (...values) => (values[0] === 1 ? one : more)!.replaceAll('{}', () => String(values.shift()));
}
