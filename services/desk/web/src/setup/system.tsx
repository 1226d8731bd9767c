// How the house itself stands, what it could not handle, and all of its
// configuration as a file.
import { useState } from 'preact/hooks';
import type { Check, DoctorResponse, ExportConfigResponse } from './types.gen';
import { ask } from './admin';
import { DeadLetters, Lag } from './letters';
import { Copy, said, Told, useAct, useEvery, useRoom } from './room';

const LOOK_MS = 10_000;
const MARKS: Record<string, string> = { CHECK_STATUS_OK: '✓', CHECK_STATUS_WARNING: '!', CHECK_STATUS_FAILED: '✕' };
const ORDER = ['CHECK_STATUS_FAILED', 'CHECK_STATUS_WARNING', 'CHECK_STATUS_OK'];

export function System() {
  const { t } = useRoom();
  const [checks, setChecks] = useState<Check[]>();
  useEvery(LOOK_MS, async () => {
    setChecks((await ask<DoctorResponse>('Operate', 'Doctor')).checks ?? []);
  });
  return (
    <>
      <section class="card-of">
        <h2>{t.checks}</h2>
        {!checks && <p class="quiet" role="status">{t.loading}</p>}
        <ul class="checks">
          {checks?.sort((a, b) => ORDER.indexOf(a.status ?? '') - ORDER.indexOf(b.status ?? '')).map((c) => (
            <li key={c.name} data-verdict={c.status}>
              <span class="mark" aria-hidden="true">{MARKS[c.status ?? ''] ?? '?'}</span>
              <div>
                <code>{c.name}</code> <span class="sr">{said(t, c.status ?? '')}</span>
                <small lang="en">{c.detail}</small>
                {c.remedy && <small class="remedy">{t.remedy} <span lang="en">{c.remedy}</span></small>}
              </div>
            </li>
          ))}
        </ul>
      </section>
      <Lag />
      <DeadLetters />
      <Export />
    </>
  );
}

function Export() {
  const { t } = useRoom();
  const [text, setText] = useState('');
  const { busy, trouble, act } = useAct();
  const read = () => void act(async () => {
    let whole = '';
    let pageToken = '';
    do {
      const { manifest = '', nextPageToken = '' } = await ask<ExportConfigResponse>('Config', 'ExportConfig', { pageToken });
      whole += manifest;
      pageToken = nextPageToken;
    } while (pageToken);
    setText(whole);
  });
  const store = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], { type: 'application/yaml' }));
    link.download = 'parley.yaml';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <section class="card-of">
      <h2>{t.exportAll}</h2>
      <p class="quiet">{t.exportLead}</p>
      <Told trouble={trouble} />
      <div class="buttons">
        <button data-deed="export" disabled={busy} onClick={read}>{t.showYAML}</button>
        {text && <button onClick={store}>{t.saveFile}</button>}
        {text && <Copy text={text} />}
      </div>
      {text && <pre class="yaml" tabIndex={0} aria-label={t.exportAll}>{text}</pre>}
    </section>
  );
}
