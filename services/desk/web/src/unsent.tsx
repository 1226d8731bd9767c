// What the agent wrote into conversations that were then taken away. It has a
// place of its own until the agent discards it.
import type { Entry } from './outbox';
import { Copy } from './copy';
import { nameOf, when } from './format';
import { stranded } from './model';
import { useRoom } from './rt';

export function Unsent() {
  const { desk, t } = useRoom();
  const all = stranded(desk.state);
  return (
    <section class="unsent" role="status">
      {all.length > 0 && (
        <>
          <h2>{t.failed} <b>{all.length}</b></h2>
          <p class="quiet">{t.unsentWhy}</p>
          <ul>{all.map((e) => <One key={e.clientId} entry={e} />)}</ul>
        </>
      )}
    </section>
  );
}

function One({ entry: e }: { entry: Entry }) {
  const { desk, t } = useRoom();
  return (
    <li data-unsent={e.clientId}>
      <p class="top-line">
        <b class="name" dir="auto">{nameOf({ ref: e.ref, customer: { name: e.name } }, t)}</b>
        {e.kind === 'note' && <span class="quiet">{t.note}</span>}
        <time>{when(e.atMs, desk.now(), t)}</time>
      </p>
      <p class="text" dir="auto" tabIndex={0}>{[...(e.files ?? []).map((f) => `📎 ${f.name}`), e.text].join('\n')}</p>
      {e.unsure && <p class="why">{t.unsure}</p>}
      <p><Copy text={e.text} /><button class="plain" onClick={() => desk.discard(e)}>{t.discard}</button></p>
    </li>
  );
}
