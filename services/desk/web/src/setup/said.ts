// Texts with values that the house sends.
import type { Words } from './room';

// told is a text with its values. Values for which it has no blank stand behind it.
export function told(key: string, values: string[], t: Words): string | undefined {
  const text = (t as unknown as Record<string, unknown>)[key];
  if (typeof text === 'string') return [text, ...values].join(' ');
  return typeof text === 'function' ? (text as (...v: string[]) => string)(...values) : undefined;
}
