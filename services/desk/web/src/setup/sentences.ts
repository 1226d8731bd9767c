// What the house says in sentences, in the reader's words. A sentence is known by its
// English form, as the control plane's sources have it: {} is a value. Of parts that
// "; " keeps apart each is known by itself.
import bg from '../texts/sentences/bg';

// A form finds its sentences, and tells what stands for them.
interface Form { find: RegExp; own: string; size: number }

const plain = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

// The longest forms come first: what fits one with more words is meant by it.
const forms: Form[] = Object.entries(bg as Record<string, string>)
  .map(([form, own]) => ({ find: new RegExp(`^${form.split('{}').map(plain).join('(.*?)')}$`, 's'), own, size: form.replaceAll('{}', '').length }))
  .sort((a, b) => b.size - a.size);

// part is one part in the reader's words; a value may be a sentence itself.
function part(text: string): string | undefined {
  for (const { find, own } of forms) {
    const values = find.exec(text)?.slice(1).map((v) => (v.includes(' ') ? part(v) : word(v)) ?? v);
    let next = 0;
    if (values) return own.replace(/\{(\d?)\}/g, (_, n: string) => values[n ? Number(n) - 1 : next++] ?? '');
  }
  return undefined;
}

const word = (text: string): string | undefined => (bg as Record<string, string>)[text];

// worded is a sentence in the reader's words; undefined where a part of it is not known.
export function worded(text: string): string | undefined {
  const all = (text.match(/(?:"(?:[^"\\]|\\.)*"|[^;]|;(?! ))+/gs) ?? []).map((p) => part(p.trim()));
  return all.length && all.every(Boolean) ? all.join('; ') : undefined;
}
