// Texts with values that the house sends.
import { said, stamp, type Words } from './room';

// value is a name that the house has words for, or a time, as the reader has them.
export const value = (v: string, t: Words): string =>
  said(t, `c_${v}`) ?? (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(v) ? stamp(String(Date.parse(v)), t) : v);

// told is a text with its values. Values for which it has no blank stand behind it.
export function told(key: string, of: string[], t: Words): string | undefined {
  const values = of.map((v) => value(v, t));
  const text = (t as unknown as Record<string, unknown>)[key];
  if (typeof text === 'string') return [text, ...values].join(' ');
  return typeof text === 'function' ? (text as (...v: string[]) => string)(...values) : undefined;
}
