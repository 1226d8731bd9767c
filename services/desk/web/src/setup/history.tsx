// What the configuration was, who changed it, and the way back.
import { useEffect, useState } from 'preact/hooks';
import type { Change, GetVersionResponse, ListVersionsResponse, RollBackResponse, Version } from './types.gen';
import { ask } from './admin';
import { Changes } from './diff';
import { Ask, may, stamp, Told, useAct, useRoom } from './room';

export function History() {
  const { t } = useRoom();
  const [all, setAll] = useState<Version[]>([]);
  const [token, setToken] = useState('');
  const { busy, trouble, act } = useAct();
  const more = (pageToken: string) => act(async () => {
    const { versions = [], nextPageToken = '' } = await ask<ListVersionsResponse>('History', 'ListVersions', { pageSize: 50, pageToken });
    setAll((before) => (pageToken ? [...before, ...versions] : versions));
    setToken(nextPageToken);
  });
  useEffect(() => void more(''), []);
  return (
    <section class="card-of">
      <h2>{t.history}</h2>
      <Told trouble={trouble} />
      <ol class="versions">{all.map((v, i) => <One key={v.number} v={v} newest={i === 0} inForce={all[0]!.number ?? '0'} onBack={() => void more('')} />)}</ol>
      {token && <button disabled={busy} onClick={() => void more(token)}>{t.older}</button>}
    </section>
  );
}

function One({ v, newest, inForce, onBack }: { v: Version; newest: boolean; inForce: string; onBack: () => void }) {
  const { t, me, reload } = useRoom();
  const [changes, setChanges] = useState<Change[]>();
  const [plan, setPlan] = useState<Change[]>();
  const { busy, trouble, act } = useAct();
  const open = (e: Event) => {
    if (!(e.currentTarget as HTMLDetailsElement).open || changes) return;
    void act(async () => setChanges((await ask<GetVersionResponse>('History', 'GetVersion', { number: v.number })).changes ?? []));
  };
  const back = (dry: boolean) => act(async () => {
    const got = await ask<RollBackResponse>('History', 'RollBack', { to: v.number, validateOnly: dry, expected: inForce });
    if (dry) return setPlan(got.changes ?? []);
    setPlan(undefined);
    await reload();
    onBack();
  });
  const counts = [[t.a_created, v.created], [t.a_updated, v.updated], [t.a_deleted, v.deleted], [t.a_resealed, v.resealed]].filter(([, n]) => n);
  return (
    <li>
      <details onToggle={open}>
        <summary>
          <b>{v.number}</b> <span>{stamp(v.atMs, t)}</span> <span>{v.by}</span>{' '}
          <span class="quiet">{v.base ? t.historyBegins : counts.map(([word, n]) => `${word}: ${n}`).join(', ')}{v.rolledBackTo ? ` · ${t.rolledBackTo(v.rolledBackTo)}` : ''}</span>
          {v.comment && <q dir="auto">{v.comment}</q>}
        </summary>
        <Told trouble={trouble} />
        {changes && <Changes changes={changes} />}
        {!newest && may(me, 'config.write') && <button disabled={busy} onClick={() => void back(true)}>{t.putBack}</button>}
      </details>
      {plan && (
        <Ask title={t.putBackThis(v.number ?? '')} yes={t.putBack} busy={busy} onYes={() => void back(false)} onClose={() => setPlan(undefined)}>
          <Told trouble={trouble} />
          <Changes changes={plan} />
        </Ask>
      )}
    </li>
  );
}
