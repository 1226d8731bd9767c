// The queues, as a supervisor sees them: whether they are open, what waits in them, and
// how the last hour went. Loaded apart, with its words.
import type { QueueFigure } from './types.gen';
import type { Aloft } from './aloft';
import type { Act } from './floor';
import { clock, dayKey, long, span, stamp } from './format';
import { num } from './model';
import { useNow, useRoom } from './rt';
import texts from './texts/lines';

// Lent are what the view has anyway: to import it would part it into more files.
interface Lent { t: Aloft['t']; seconds: (s: number, t: Aloft['t']) => string; share: (percent: number | undefined) => string }

// Lines are the queues.
export function Lines({ queues, act, onQueue, t, seconds, share }: Lent & { queues: QueueFigure[]; act: Act; onQueue: (queue: string) => void }) {
  const w = texts[useRoom().prefs.lang];
  const now = useNow(1_000);
  return (
    <div class="table" tabIndex={0} role="region" aria-label={t.queues}>
      <table>
        <thead><tr>
          <th>{t.queueCol}</th><th>{t.stateCol}</th><th>{t.inQueue}</th><th>{t.longestWait}</th><th>{t.estimateCol}</th><th>{t.readyCol}</th><th>{t.agents}</th>
          <th title={t.serviceLevelIs(t.ownThreshold)}>{t.serviceLevel}</th><th title={t.abandonedIs}>{t.abandoned}</th><th title={t.offeredColIs}>{t.offeredCol}</th><th>{t.actionsCol}</th>
        </tr></thead>
        <tbody>
          {queues.map((q) => (
            <tr key={q.queue} data-queue={q.queue}>
              <th scope="row"><button class="plain" dir="auto" onClick={() => onQueue(q.queue ?? '')}>{q.name || q.queue}</button></th>
              <td class="stands">
                <span>{stands(q, now, w, t)}</span>
                {q.special && <span class="quiet" dir="auto">{q.special}</span>}
                {q.overflows && <span class="badge amber" dir="auto">{q.overflowsTo ? `${w.over} ${q.overflowsTo}` : w.ends}</span>}
                {q.pausedBy && <span class="badge soft">{t.pausedBy(q.pausedBy, clock(num(q.pausedSinceMs), t))}</span>}
              </td>
              <td class="number">{q.waiting ?? 0}</td>
              <td class="number">{num(q.sinceMs) > 0 ? span(now - num(q.sinceMs)) : '–'}</td>
              <td class="number">{num(q.waitSeconds) >= 0 && q.waiting ? long(num(q.waitSeconds) * 1000, t) : '–'}</td>
              <td class="number">{(q.ready ?? 0) >= 0 ? q.ready ?? 0 : '–'}</td>
              <td class="number">{q.agents ?? 0}</td>
              <td class="number">{share(q.figures?.serviceLevel)} <span class="quiet">{t.inTime(seconds(q.figures?.serviceLevelSeconds || 60, t))}</span></td>
              <td class="number">{q.figures?.abandoned ?? 0}</td>
              <td class="number">{q.figures?.accepted ?? 0} / {q.figures?.offered ?? 0}</td>
              <td><button class="plain" onClick={() => void act('PauseQueue', { queue: q.queue, pause: !q.pausedBy })}>{q.pausedBy ? t.goOnQueue : t.pause}</button></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

// stands is whether a queue is open, and until when.
function stands(q: QueueFigure, now: number, w: (typeof texts)['en' | 'bg'], t: Aloft['t']): string {
  const until = num(q.changesMs);
  if (!until) return q.closed ? w.closed : w.open;
  return `${q.closed ? w.closedUntil : w.openUntil} ${dayKey(until) === dayKey(now) ? clock(until, t) : stamp(until, t)}`;
}
