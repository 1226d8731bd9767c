// What the house has not handled: how far each stage is behind, and what it gave
// up, which can be handed back to it or dropped.
import { useState } from 'preact/hooks';
import type { DeadLetter, GetLagResponse, ListDeadLettersResponse, RetryDeadLetterResponse, StageLag } from './types.gen';
import { ask } from './admin';
import { Ask, Explained, may, said, stamp, Told, useAct, useEvery, useRoom, Wide } from './room';

const LOOK_MS = 10_000;
const PAGE = 100;

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
        <Wide label={t.lag}>
          <thead><tr><th>{t.stage}</th><th>{t.subject}</th><th>{t.behind}</th><th>{t.oldest}</th></tr></thead>
          <tbody>{behind.map((l) => <tr key={`${l.stage} ${l.stream}`}><td>{l.stage}</td><td><code>{l.stream}</code></td><td>{l.behind}</td><td>{waited(l.oldestMs)}</td></tr>)}</tbody>
        </Wide>
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
  const { t, me } = useRoom();
  const [dead, setDead] = useState<DeadLetter[]>();
  const [before, page] = useState<string[]>([]); // behind which letters the pages begin that were turned to
  const [told, setTold] = useState<RetryDeadLetterResponse>();
  const [drop, setDrop] = useState<string>();
  const { busy, trouble, act } = useAct();
  const read = async () => setDead((await ask<ListDeadLettersResponse>('Operate', 'ListDeadLetters', { pageSize: PAGE, before: before.at(-1) })).deadLetters ?? []);
  useEvery(LOOK_MS, read, [before]);
  const retry = (which: object) => {
    setTold(undefined);
    void act(async () => setTold(await ask<RetryDeadLetterResponse>('Operate', 'RetryDeadLetter', which))).then(read).catch(() => undefined);
  };
  const stages = [...new Set(dead?.map((d) => d.stage ?? ''))].sort();
  const handled = told?.letters?.filter((l) => !l.trouble).length ?? 0;
  const settles = may(me, 'letter.settle');
  return (
    <section class="card-of" data-part="dead">
      <h2>{t.deadLetters}</h2>
      <p class="quiet">{!dead ? t.loading : dead.length ? t.deadLead : t.noDead}</p>
      <Told trouble={trouble} />
      {t.lang !== 'en' && trouble?.reason === 'RETRY_FAILED' && <p><Cause text={trouble.message} /></p>}
      {told && (
        <div role="status">
          <p>{t.handledAgain(handled, told.left ?? 0)}</p>
          {told.letters?.filter((l) => l.trouble).map((l) => <small key={l.sequence}>{l.sequence}: <Cause text={l.trouble!} /></small>)}
        </div>
      )}
      {!!dead?.length && settles && <div class="buttons">{stages.map((stage) => <button key={stage} data-deed="retry-stage" disabled={busy} onClick={() => retry({ stage })}>{t.retryStage(stage)}</button>)}</div>}
      {!!dead?.length && (
        <Wide label={t.deadLetters}>
          <thead><tr><th>{t.at}</th><th>{t.stage}</th><th>{t.reason}</th><th>{t.tries}</th><th>{t.subject}</th>{settles && <th>{t.deeds}</th>}</tr></thead>
          <tbody>{dead.map((d) => (
            <tr key={d.sequence} data-letter={d.sequence}>
              <td>{stamp(d.atMs, t)}</td><td>{d.stage}</td><td><Cause text={d.reason ?? ''} /></td><td>{d.attempts}</td><td><code>{d.subject} {d.sourceSequence}</code></td>
              {settles && (
                <td class="buttons">
                  <button data-deed="retry" disabled={busy} onClick={() => retry({ sequence: d.sequence })}>{t.retryOne}<span class="sr">: {d.sequence}</span></button>
                  <button data-deed="drop" disabled={busy} onClick={() => setDrop(d.sequence)}>{t.dropOne}<span class="sr">: {d.sequence}</span></button>
                </td>
              )}
            </tr>
          ))}</tbody>
        </Wide>
      )}
      {(before.length > 0 || dead?.length === PAGE) && (
        <div class="buttons">
          <button disabled={!before.length} data-deed="newer" onClick={() => page(before.slice(0, -1))}>{t.newer}</button>
          <button disabled={dead?.length !== PAGE} data-deed="older" onClick={() => page([...before, dead!.at(-1)!.sequence!])}>{t.older}</button>
        </div>
      )}
      {drop && <Drop letter={drop} onClose={() => { setDrop(undefined); void read().catch(() => undefined); }} />}
    </section>
  );
}

// Cause is why a letter lies there, or stays: the kind of failure, and what the stage
// said of it.
function Cause({ text }: { text: string }) {
  const { t } = useRoom();
  const [, kind = '', rest = ''] = /(?:^|: )([a-z_]+): (.*)$/s.exec(text) ?? [];
  const own = said(t, `l_${kind}`);
  return own ? <>{own} <small class="quiet"><Explained text={rest} /></small></> : <Explained text={text} />;
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
