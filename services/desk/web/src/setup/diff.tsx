// What a change changes, field by field.
import type { Change } from './types.gen';
import { kindOf, upper } from './admin';
import { fieldsOf, label, word } from './fields';
import { messages } from './forms.gen';
import { Explained, said, useRoom, Wide, type Words } from './room';

export interface Line { path: string; before: string; after: string }

// lines are the fields that differ. What is written when, and the seals of secrets,
// are no news to anybody.
function lines(message: string, before: unknown, after: unknown, path: string, t: Words): Line[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  const fields = message === 'Meta' ? [{ name: 'displayName', type: 'string', mark: '' }] : fieldsOf(message);
  const [a, b] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>];
  return fields.flatMap((f) => {
    const here = path ? `${path} › ${label(message, f.name, t)}` : label(message, f.name, t);
    if (f.type in messages && f.type !== 'Secret') {
      if (f.mark !== '[]') return lines(f.type, a[f.name], b[f.name], f.name === 'meta' ? path : here, t);
      const [x, y] = [(a[f.name] ?? []) as unknown[], (b[f.name] ?? []) as unknown[]];
      return Array.from({ length: Math.max(x.length, y.length) }, (_, i) => lines(f.type, x[i], y[i], `${here} ${i + 1}`, t)).flat();
    }
    const line = { path: here, before: shown(a[f.name], f.type, t), after: shown(b[f.name], f.type, t) };
    return line.before === line.after ? [] : [line];
  });
}

function shown(v: unknown, type: string, t: Words): string {
  if (v === undefined || v === '' || v === null) return '';
  if (type === 'Secret') return (v as { value?: string; fingerprint?: string }).fingerprint ?? (Object.keys(v).length ? t.newSecret : '');
  if (typeof v === 'boolean') return v ? t.yes : '';
  if (Array.isArray(v)) return v.map((x) => word(String(x), t)).join(', ');
  if (typeof v === 'object') return Object.entries(v).map(([k, x]) => `${k}: ${String(x)}`).join('\n');
  return word(String(v), t);
}

// Differences are values before and after.
export function Differences({ lines }: { lines: Line[] }) {
  const { t } = useRoom();
  return (
    <Wide label={t.changesOf}>
      <thead><tr><th>{t.field}</th><th>{t.before}</th><th>{t.after}</th></tr></thead>
      <tbody>{lines.map((l) => <tr key={l.path}><th scope="row">{l.path}</th><td class="was">{l.before || '–'}</td><td class="is">{l.after || '–'}</td></tr>)}</tbody>
    </Wide>
  );
}

// Changes shows what a plan, or a version, changes.
export function Changes({ changes }: { changes: Change[] }) {
  const { t } = useRoom();
  const real = changes.filter((c) => c.action !== 'unchanged');
  if (!real.length) return <p class="quiet">{t.noChange}</p>;
  return (
    <>
      {real.map((c) => {
        const kind = kindOf(c);
        const all = lines(upper(kind), c.before?.[kind], c.after?.[kind], '', t);
        return (
          <div key={`${c.kind}/${c.id}`} class="change">
            <h3>{said(t, `k_${kind}`)} <code>{c.id}</code> <span class={`badge ${c.action === 'deleted' ? 'red' : 'soft'}`}>{said(t, `a_${c.action}`) ?? c.action}</span></h3>
            {all.length > 0 && <Differences lines={all} />}
            {c.remarks?.map((r) => <p key={r} class="quiet"><Explained text={r.replace(/^[a-z ]+ "[^"]*" /, '')} /></p>)}
          </div>
        );
      })}
    </>
  );
}
