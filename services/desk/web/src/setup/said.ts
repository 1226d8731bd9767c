// What the house says of wrong fields, in the reader's language where it is one of
// the sentences that come up daily. Its own are English.
import type { Words } from './room';

const sentences: [RegExp, (t: Words, m: RegExpMatchArray) => string][] = [
  [/^is missing|^"" is not an id/, (t) => t.vMissing],
  [/is not an id; use/, (t) => t.vId],
  [/^there is no ([a-z ]+) "(.*?)"/, (t, m) => t.vNoSuch(m[2]!)],
  [/is out of range; use (\S+) to (\S+?)[,;]?( |$)/, (t, m) => t.vRange(m[1]!, m[2]!)],
  [/^has (\d+) characters; use at most (\d+)/, (t, m) => t.vLong(m[1]!, m[2]!)],
  [/^the value has (\d+) characters; use (\d+) to (\d+)/, (t, m) => t.vSize(m[1]!, m[2]!, m[3]!)],
  [/white space/, (t) => t.vSpace],
  [/is given at .* already|is (given|there|taken) twice/, (t) => t.vTwice],
  [/^cannot be a condition/, (t) => t.vCondition],
  [/^must be later than/, (t) => t.vLater],
];

// told is a text with its values. Values for which it has no blank stand behind it.
export function told(key: string, values: string[], t: Words): string | undefined {
  const text = (t as unknown as Record<string, unknown>)[key];
  if (typeof text === 'string') return [text, ...values].join(' ');
  return typeof text === 'function' ? (text as (...v: string[]) => string)(...values) : undefined;
}

// explained is a sentence of the house in the reader's words, if there are some:
// in English it is good as it is.
export function explained(text: string, t: Words): string | undefined {
  if (t.lang === 'en') return undefined;
  for (const [pattern, own] of sentences) {
    const match = pattern.exec(text);
    // What the compiler says of a condition stands as it is: it names the place.
    if (match) return pattern.source.startsWith('^cannot') ? `${own(t, match)} ${text.replace(/^[^:]*: /, '')}` : own(t, match);
  }
  return undefined;
}
