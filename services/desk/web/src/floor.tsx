// The supervisor's view: who waits, who works, and what can be done about it.
// It is read again every two seconds while somebody looks at it.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { GetFiguresResponse, ListAgentsResponse, ListOngoingResponse, ListQueuesResponse, Phase, QueueFigure } from './types.gen';
import { useAloft, useWords } from './aloft';
import { clock } from './format';
import { said } from './i18n';
import { RoomContext, useRoom } from './rt';
import { Crew } from './crew';
import { Cards, Hour, seconds, share } from './figures';
import { later } from './later';
import { Ongoing } from './ongoing';

const ByLabel = later(() => import('./labels').then((m) => m.ByLabel));
const Lines = later(() => import('./lines').then((m) => m.Lines));
const EVERY_MS = 2_000;
const PAGE = 50;
const MOST = 200;
const PHASES: Phase[] = ['PHASE_OPEN', 'PHASE_ACTIVE', 'PHASE_WRAP_UP', 'PHASE_WAITING'];

// Wanted is which conversations and agents are shown.
export interface Wanted {
  tab: 'conversations' | 'agents' | 'queues';
  queue: string;
  phase: Phase | '';
  heldBy: string;
  label: string;
  size: number;
}

// Seen is what was read last.
export interface Seen {
  queues: QueueFigure[];
  ongoing: ListOngoingResponse;
  agents: ListAgentsResponse;
  lately: GetFiguresResponse;
  atMs: number;
}

// Act gives a supervisor's command and reads again what it led to.
export type Act = (method: string, body: object) => Promise<void>;

export function Floor() {
  const { t } = useRoom();
  const aloft = useWords();
  if (!aloft) return <main class="floor"><p class="quiet nothing">{t.loading}</p></main>;
  return <RoomContext.Provider value={aloft}><View /></RoomContext.Provider>;
}

function View() {
  const { desk, t } = useAloft();
  const [wanted, want] = useState<Wanted>({ tab: 'conversations', queue: '', phase: '', heldBy: '', label: '', size: PAGE });
  const { seen, late, again } = useFloor(wanted);
  const { notice } = desk.state;
  const change = (c: Partial<Wanted>) => want({ ...wanted, size: PAGE, ...c });
  if (!seen) return <main class="floor"><p class="quiet nothing">{late ? t.notNow : t.loading}</p></main>;
  const act: Act = async (method, body) => {
    await desk.oversee(method, body);
    again();
  };
  return (
    <main class="floor">
      {notice && (
        <div class="banner bad" role="alert">
          <span>{said(t, notice) ?? t.notNow}</span>
          <button class="plain" onClick={() => desk.set({ notice: '' })}>{t.dismiss}</button>
        </div>
      )}
      {late && <div class="banner warn" role="status">{t.stale(clock(seen.atMs, t))}</div>}
      <Cards seen={seen} change={change} />
      <Hour lately={seen.lately} agents={seen.agents} />
      <Filters seen={seen} wanted={wanted} change={change} />
      {wanted.tab === 'conversations' && <Ongoing seen={seen} again={again} act={act} more={() => want({ ...wanted, size: MOST })} />}
      {wanted.tab === 'agents' && <Crew figures={seen.agents} act={act} again={again} onAgent={(heldBy) => change({ tab: 'conversations', queue: '', phase: '', heldBy, label: '' })} />}
      {wanted.tab === 'queues' && <Lines t={t} seconds={seconds} share={share} queues={seen.queues} act={act} onQueue={(queue) => change({ tab: 'conversations', queue, phase: '', heldBy: '', label: '' })} />}
    </main>
  );
}

// useFloor reads what is wanted, again and again while the page is looked at.
function useFloor(wanted: Wanted): { seen: Seen | undefined; late: boolean; again: () => void } {
  const { desk } = useRoom();
  const [seen, see] = useState<Seen>();
  const [late, setLate] = useState(false);
  const read = useRef(() => {});
  const { queue, phase, heldBy, label, size } = wanted;
  useEffect(() => {
    let timer = 0;
    let turn = 0;
    const come = async () => {
      clearTimeout(timer);
      const mine = ++turn;
      const got = document.hidden ? undefined : await desk.look({
        ListQueues: {}, ListOngoing: { queue, heldBy, label, pageSize: size, ...(phase ? { phase } : {}) }, ListAgents: { queue, pageSize: MOST },
        GetFigures: { queue },
      });
      if (mine !== turn) return;
      if (got) {
        const [queues, ongoing, agents, lately] = got as [ListQueuesResponse, ListOngoingResponse, ListAgentsResponse, GetFiguresResponse];
        see({ queues: queues.queues ?? [], ongoing, agents, lately, atMs: Date.now() });
      }
      setLate(!got && !document.hidden);
      timer = setTimeout(() => void come(), EVERY_MS) as unknown as number;
    };
    read.current = () => void come();
    void come();
    return () => {
      turn = -1;
      clearTimeout(timer);
    };
  }, [desk, queue, phase, heldBy, label, size]);
  return { seen, late, again: () => read.current() };
}

function Filters({ seen, wanted, change }: { seen: Seen; wanted: Wanted; change: (c: Partial<Wanted>) => void }) {
  const { t } = useAloft();
  return (
    <div class="floor-bar">
      <span class="seg" role="group" aria-label={t.floor}>
        {(['conversations', 'agents', 'queues'] as const).map((k) => (
          <button key={k} aria-pressed={wanted.tab === k} onClick={() => change({ tab: k })}>{t[k]}</button>
        ))}
      </span>
      {wanted.tab !== 'queues' && (
        <select aria-label={t.queueCol} value={wanted.queue} onChange={(e) => change({ queue: e.currentTarget.value })}>
          <option value="">{t.allQueues}</option>
          {seen.queues.map((q) => <option key={q.queue} value={q.queue}>{q.name || q.queue}</option>)}
        </select>
      )}
      {wanted.tab === 'conversations' && (
        <>
          <select aria-label={t.stateCol} value={wanted.phase} onChange={(e) => change({ phase: e.currentTarget.value as Phase | '' })}>
            <option value="">{t.allStates}</option>
            {PHASES.map((p) => <option key={p} value={p}>{t[p]}</option>)}
          </select>
          <select aria-label={t.agentCol} value={wanted.heldBy} onChange={(e) => change({ heldBy: e.currentTarget.value })}>
            <option value="">{t.allAgents}</option>
            {(seen.agents.agents ?? []).map((a) => <option key={a.agent} value={a.agent}>{a.name || a.agent}</option>)}
          </select>
          <ByLabel labels={seen.ongoing.labels ?? []} chosen={wanted.label} choose={(label) => change({ label })} />
        </>
      )}
    </div>
  );
}
