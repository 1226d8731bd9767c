// How the house itself stands, what it could not handle, and all of its
// configuration as a file.
import { useState } from 'preact/hooks';
import type { Check, DoctorResponse } from './types.gen';
import { ask } from './admin';
import { AsYAML } from './editor';
import { DeadLetters, Lag } from './letters';
import { said, useEvery, useRoom } from './room';
import { value } from './said';

const LOOK_MS = 10_000;
const MARKS: Record<string, string> = { CHECK_STATUS_OK: '✓', CHECK_STATUS_WARNING: '!', CHECK_STATUS_FAILED: '✕' };
const ORDER = ['CHECK_STATUS_FAILED', 'CHECK_STATUS_WARNING', 'CHECK_STATUS_OK'];

const FINE = 'CHECK_STATUS_OK';

// A check is of a sort: "lag of routing" and "page.shop" each of many.
const MANY = /^(lag)(?: of (.*))?$|^(page)\.(.*)$/;
const sort = (c: Check): string => {
  const many = MANY.exec(c.name ?? '');
  return many?.[1] ?? many?.[3] ?? (c.name ?? '').replace(/\W/g, '_');
};
const of = (c: Check): string | undefined => {
  const many = MANY.exec(c.name ?? '');
  return many?.[2] ?? many?.[4];
};

// Remedy is what to do, and what was seen where no text tells it.
function Remedy({ c }: { c: Check }) {
  const { t } = useRoom();
  const own = said(t, `dr_${sort(c)}`);
  return (
    <>
      {(t.lang === 'en' || !c.values?.length) && <small lang="en">{c.detail}</small>}
      {(own ?? c.remedy) && <small class="remedy">{t.remedy} {t.lang !== 'en' && own ? own : <span lang="en">{c.remedy || own}</span>}</small>}
    </>
  );
}

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
                <b>{said(t, `d_${sort(c)}`) ?? c.name}</b> <span class="sr">{said(t, c.status ?? '')}</span>
                <small><code>{[of(c), ...(c.values ?? []).map((v) => said(t, v) ?? value(v, t))].filter(Boolean).join(' · ')}</code></small>
                {c.status !== FINE && <Remedy c={c} />}
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

// Export is the way to all of the configuration as a file.
function Export() {
  const { t } = useRoom();
  return (
    <section class="card-of">
      <h2>{t.exportAll}</h2>
      <p class="quiet">{t.exportLead}</p>
      <AsYAML />
    </section>
  );
}
