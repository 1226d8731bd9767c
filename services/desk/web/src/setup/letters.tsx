// What the house has not handled: how far each stage is behind, and what it gave
// up, which can be handed back to it or dropped.
import { useState } from 'preact/hooks';
import type { DeadLetter, GetLagResponse, ListDeadLettersResponse, RetryDeadLetterResponse, StageLag } from './types.gen';
import { ask } from './admin';
import { Ask, stamp, Told, useAct, useEvery, useRoom } from './room';

const LOOK_MS = 10_000;

export function Lag() {
  const { t } = useRoom();
  const [lags, setLags] = useState<StageLag[]>();
  useEvery(LOOK_MS, async () => setLags((await ask<GetLagResponse>('Operate', 'GetLag')).lags ?? []));
  const behind = lags?.filter((l) => Number(l.behind) > 0);
  return (
    <section class="card-of" data-part="lag">
      <h2>{t.lag}</h2>
      <p class="quiet">{!behind ? t.loading : behind.length ? t.lagLead : t.noLag}</p>
      {!!behind?.length && (
        <div class="wide-table"><table>
          <thead><tr><th>{t.stage}</th><th>{t.subject}</th><th>{t.behind}</th><th>{t.oldest}</th></tr></thead>
          <tbody>{behind.map((l) => <tr key={`${l.stage} ${l.stream}`}><td>{l.stage}</td><td><code>{l.stream}</code></td><td>{l.behind}</td><td>{waited(l.oldestMs)}</td></tr>)}</tbody>
        </table></div>
      )}
    </section>
  );
}

// waited is a time as hours, minutes and seconds.
function waited(ms: string | undefined): string {
  const s = Math.round(Number(ms ?? 0) / 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

export function DeadLetters() {
  const { t } = useRoom();
  const [dead, setDead] = useState<DeadLetter[]>();
  const [told, setTold] = useState<RetryDeadLetterResponse>();
  const [drop, setDrop] = useState<string>();
  const { busy, trouble, act } = useAct();
  const read = async () => setDead((await ask<ListDeadLettersResponse>('Operate', 'ListDeadLetters', { pageSize: 100 })).deadLetters ?? []);
  useEvery(LOOK_MS, read);
  const retry = (which: object) => {
    setTold(undefined);
    void act(async () => setTold(await ask<RetryDeadLetterResponse>('Operate', 'RetryDeadLetter', which))).then(read).catch(() => undefined);
  };
  const stages = [...new Set(dead?.map((d) => d.stage ?? ''))].sort();
  const handled = told?.letters?.filter((l) => !l.trouble).length ?? 0;
  return (
    <section class="card-of" data-part="dead">
      <h2>{t.deadLetters}</h2>
      <p class="quiet">{!dead ? t.loading : dead.length ? t.deadLead : t.noDead}</p>
      <Told trouble={trouble} />
      {told && (
        <div role="status">
          <p>{t.handledAgain(handled, dead?.length ?? 0)}</p>
          {told.letters?.filter((l) => l.trouble).map((l) => <small key={l.sequence} lang="en">{l.sequence}: {l.trouble} </small>)}
        </div>
      )}
      {!!dead?.length && (
        <>
          <div class="buttons">{stages.map((stage) => <button key={stage} data-deed="retry-stage" disabled={busy} onClick={() => retry({ stage })}>{t.retryStage(stage)}</button>)}</div>
          <div class="wide-table"><table>
            <thead><tr><th>{t.at}</th><th>{t.stage}</th><th>{t.reason}</th><th>{t.tries}</th><th>{t.subject}</th><th /></tr></thead>
            <tbody>{dead.map((d) => (
              <tr key={d.sequence}>
                <td>{stamp(d.atMs, t)}</td><td>{d.stage}</td><td lang="en">{d.reason}</td><td>{d.attempts}</td><td><code>{d.subject} {d.sourceSequence}</code></td>
                <td class="buttons">
                  <button data-deed="retry" disabled={busy} onClick={() => retry({ sequence: d.sequence })}>{t.retryOne}</button>
                  <button data-deed="drop" disabled={busy} onClick={() => setDrop(d.sequence)}>{t.dropOne}</button>
                </td>
              </tr>
            ))}</tbody>
          </table></div>
        </>
      )}
      {drop && <Drop letter={drop} onClose={() => { setDrop(undefined); void read().catch(() => undefined); }} />}
    </section>
  );
}

function Drop({ letter, onClose }: { letter: string; onClose: () => void }) {
  const { t } = useRoom();
  const [reason, setReason] = useState('');
  const { busy, trouble, act } = useAct();
  const drop = () => void act(() => ask('Operate', 'DropDeadLetter', { sequence: letter, reason })).then((ok) => ok && onClose());
  return (
    <Ask title={t.dropThis(letter)} yes={t.dropOne} danger busy={busy} onYes={drop} onClose={onClose}>
      <p>{t.dropLead}</p>
      <label class="field">{t.dropWhy}<input value={reason} required maxLength={500} onInput={(e) => setReason(e.currentTarget.value)} /></label>
      <Told trouble={trouble} />
    </Ask>
  );
}
