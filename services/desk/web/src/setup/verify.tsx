// Whether anybody altered the audit: every record against its seal, and each against
// the one before.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { RecordFault, VerifyRecordsResponse } from './types.gen';
import { ask } from './admin';
import { Copy, said, Told, useAct, useRoom } from './room';

const AT_ONCE = 20_000; // records of one call, so that it shows how far it is
const SEAL = /^(\d+):([0-9a-f]{64})$/;

// Found is what a verification found so far.
interface Found { read: number; count: number; faults: RecordFault[]; number: string; seal: string; more: boolean }

export function Verify() {
  const { t } = useRoom();
  const [found, tell] = useState<Found>();
  const [noted, note] = useState('');
  const [wrong, setWrong] = useState(false);
  const { busy, trouble, act } = useAct();
  const gone = useRef(false);
  useEffect(() => () => void (gone.current = true), []);

  const verify = (body: object): Promise<VerifyRecordsResponse> => ask('Audit', 'VerifyRecords', body);
  const run = () => act(async () => {
    const so: Found = { read: 0, count: 0, faults: [], number: '0', seal: '', more: true };
    while (so.more && !gone.current) {
      const got = await verify({ after: so.number, most: AT_ONCE });
      so.read += got.read ?? 0;
      so.count += got.faultCount ?? 0;
      so.faults.push(...(got.faults ?? []));
      [so.number, so.seal, so.more] = [got.number ?? '0', got.seal ?? '', !!got.more];
      tell({ ...so });
    }
    const [, number = '', seal = ''] = SEAL.exec(noted.trim()) ?? [];
    if (!number || gone.current) return;
    const there = await verify({ after: String(BigInt(number) - 1n), most: 1 });
    if (there.number === number && there.seal === seal) return;
    so.faults.unshift({ number, reason: 'REPLACED' });
    tell({ ...so, count: so.count + 1 });
  });
  const start = (e: SubmitEvent) => {
    e.preventDefault();
    const bad = noted.trim() !== '' && (!SEAL.test(noted.trim()) || /^0+:/.test(noted.trim()));
    setWrong(bad);
    tell(undefined);
    if (!bad) void run();
  };
  const first = found?.faults.reduce((a, b) => (Number(b.number) < Number(a.number) ? b : a), found.faults[0]!);
  return (
    <section class="card-of" data-part="verify">
      <h2>{t.verify}</h2>
      <p class="quiet">{t.verifyLead}</p>
      <form class="filter" onSubmit={start}>
        <label class="wide">{t.notedSeal}<input name="noted" value={noted} placeholder="4711:0123…" spellcheck={false} autocomplete="off" aria-invalid={wrong} aria-describedby="noted-wrong" onInput={(e) => note(e.currentTarget.value)} /></label>
        <div class="buttons"><button class="primary" data-deed="verify" disabled={busy}>{t.verifyNow}</button></div>
        {wrong && <small class="wrong" id="noted-wrong" role="alert">{t.vSeal}</small>}
      </form>
      <Told trouble={trouble} />
      {found && busy && <p class="quiet" role="status">{t.verifying(found.read)}</p>}
      {found && !busy && !trouble && (first
        ? (
          <div class="told" role="alert" data-broken={first.number}>
            <p><b>{t.firstBroken(first.number ?? '')} {reason(first)}</b></p>
            <p>{t.brokenOf(found.count, found.read)} {t.brokenThen}</p>
            {found.count > 1 && <ul>{found.faults.map((f) => <li key={`${f.number} ${f.reason}`}>{f.number}: {reason(f)}</li>)}</ul>}
            {found.count > found.faults.length && <p>{t.andMore(found.count - found.faults.length)}</p>}
          </div>
        )
        : (
          <div role="status" data-whole={found.read}>
            <p class="good">✓ {t.allWhole(found.read)}</p>
            {found.seal && <div class="copy-of"><label>{t.newestSeal}<input readOnly value={`${found.number}:${found.seal}`} /></label><Copy text={`${found.number}:${found.seal}`} /></div>}
          </div>
        ))}
    </section>
  );

  function reason(f: RecordFault): string {
    return said(t, `b_${f.reason}`) ?? f.reason ?? '';
  }
}
