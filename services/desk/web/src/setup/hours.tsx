// What hours come to: whether it is open now, and when that changes.
import { useEffect, useState } from 'preact/hooks';
import type { EvaluateScheduleResponse } from './types.gen';
import { ask, type Thing } from './admin';
import { useRoom } from './room';

const TYPING_MS = 400;

export function Open({ schedule }: { schedule: Thing }) {
  const { t } = useRoom();
  const [got, setGot] = useState<EvaluateScheduleResponse>();
  useEffect(() => {
    const tried = { ...schedule, meta: { id: 'x', ...schedule.meta, etag: '' } };
    const timer = setTimeout(() => void ask<EvaluateScheduleResponse>('Schedule', 'EvaluateSchedule', { schedule: tried, changes: 6 })
      .then(setGot, () => setGot(undefined)), TYPING_MS);
    return () => clearTimeout(timer);
  }, [schedule]);
  if (!got) return null;
  return (
    <div class="outcome" role="status">
      <p><b data-open={!!got.open}>{got.open ? t.openNow : t.closedNow}</b> <span class="quiet">{got.localTime} {got.reason}</span></p>
      <ul>{got.changes?.map((c) => <li key={c.atMs}>{c.open ? t.opens : t.closes} {c.localTime} <span class="quiet">{c.reason}</span></li>)}</ul>
    </div>
  );
}
