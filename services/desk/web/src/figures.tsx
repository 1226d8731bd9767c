// How the queues stand and how the last hour went. Each figure says what it is.
import type { Figures, GetFiguresResponse, ListAgentsResponse, Phase, Times } from './types.gen';
import { useAloft, type Aloft } from './aloft';
import type { Seen, Wanted } from './floor';
import { span } from './format';
import { num } from './model';
import { useNow } from './rt';

const NONE = '–';
const WIDTH = 120;
const HEIGHT = 26;

// share is a percentage.
export const share = (percent: number | undefined): string => (percent === undefined ? NONE : `${percent} %`);

// seconds is a short time: 20 s, 2:05.
export const seconds = (s: number, t: Aloft['t']): string => (s < 120 ? t.secs(s) : span(s * 1000));

const mean = (x: Times | undefined, t: Aloft['t']): string => (x?.count ? seconds(Math.round(num(x.meanMs) / 1000), t) : NONE);
const most = (x: Times | undefined, t: Aloft['t']): string => (x?.count ? t.nineOfTen(seconds(x.p90 ?? 0, t)) : '');

// Cards are the figures of now, which lead to what they count.
export function Cards({ seen, change }: { seen: Seen; change: (c: Partial<Wanted>) => void }) {
  const { t } = useAloft();
  const now = useNow(1_000);
  const count = (p: Phase) => seen.ongoing.phases?.find((x) => x.phase === p)?.count ?? 0;
  const since = Math.min(...seen.queues.map((q) => num(q.sinceMs) || Infinity));
  const of = (phase: Phase) => () => change({ tab: 'conversations', queue: '', heldBy: '', phase });
  const cards: [string, string, string, () => void][] = [
    [t.inQueue, String(count('PHASE_OPEN')), t.inQueueIs, of('PHASE_OPEN')],
    [t.longestWait, since < Infinity ? span(now - since) : NONE, t.longestWaitIs, of('PHASE_OPEN')],
    [t.inHand, String(count('PHASE_ACTIVE')), t.inHandIs, of('PHASE_ACTIVE')],
    [t.wrappingUp, String(count('PHASE_WRAP_UP')), t.wrappingUpIs, of('PHASE_WRAP_UP')],
    [t.setAside, String(count('PHASE_WAITING')), t.setAsideIs, of('PHASE_WAITING')],
    [t.agentsThere, t.ofAll(seen.agents.present ?? 0, seen.agents.total ?? 0), t.agentsThereIs, () => change({ tab: 'agents' })],
  ];
  return <div class="cards">{cards.map(([name, value, is, go]) => <button key={name} title={is} onClick={go}><span class="quiet">{name}</span><b>{value}</b></button>)}</div>;
}

// Hour is how the last hour went.
export function Hour({ lately, agents }: { lately: GetFiguresResponse; agents: ListAgentsResponse }) {
  const { t } = useAloft();
  const f: Figures = lately.hour ?? {};
  const minutes = lately.minutes ?? [];
  const threshold = f.serviceLevelSeconds ? seconds(f.serviceLevelSeconds, t) : '';
  return (
    <div class="hour" role="group" aria-label={t.lately} tabIndex={0}>
      <Figure name={t.serviceLevel} is={t.serviceLevelIs(threshold || t.ownThreshold)} value={share(f.serviceLevel)} more={threshold && t.inTime(threshold)} />
      <Figure name={t.abandoned} is={t.abandonedIs} value={String(f.abandoned ?? 0)} more={f.abandonRate === undefined ? '' : share(f.abandonRate)} />
      <Figure name={t.speed} is={t.speedIs} value={mean(f.speed, t)} more={most(f.speed, t)} />
      <Figure name={t.firstResponse} is={t.firstResponseIs} value={f.firstResponse?.count ? seconds(f.firstResponse.p90 ?? 0, t) : NONE} line={minutes.map((m) => m.firstResponseP90 ?? 0)} shown={(n) => seconds(n, t)} />
      <Figure name={t.response} is={t.responseIs} value={mean(f.response, t)} more={most(f.response, t)} />
      <Figure name={t.messages} is={t.messagesIs} value={String(f.messages ?? 0)} line={minutes.map((m) => m.messages ?? 0)} shown={String} />
      <Figure name={t.handleTime} is={t.handleTimeIs} value={mean(f.handle, t)} more={most(f.handle, t)} />
      <Figure name={t.satisfaction} is={t.satisfactionIs} value={share(f.satisfaction)} more={f.ratings ? t.ratings(f.ratings) : ''} />
      <Figure name={t.closing} is={t.closingIs} value={String(lately.closing ?? 0)} more={t.inAnHour} />
      <Figure name={t.capacity} is={t.capacityIs} value={t.ofAll(agents.used ?? 0, agents.capacity ?? 0)} />
    </div>
  );
}

function Figure({ name, is, value, more = '', line, shown = String }: {
  name: string; is: string; value: string; more?: string; line?: number[]; shown?: (n: number) => string;
}) {
  const { t } = useAloft();
  const id = `is-${name.replace(/[^\p{L}]+/gu, '-')}`;
  return (
    <div class="figure" data-figure={name}>
      <span class="quiet">{name}<button class="what" title={is} aria-label={t.whatIs(name)} popovertarget={id}>?</button></span>
      <b>{value}</b>
      {line ? <Line of={line} label={t.chart(name, shown(Math.max(0, ...line)), shown(line.at(-1) ?? 0))} /> : <small class="quiet">{more}</small>}
      <div id={id} popover="auto" role="note">{is}</div>
    </div>
  );
}

// Line draws numbers, the last of which is now.
function Line({ of, label }: { of: number[]; label: string }) {
  const top = Math.max(1, ...of);
  const points = of.map((n, i) => `${((i * WIDTH) / Math.max(1, of.length - 1)).toFixed(1)},${(HEIGHT - 1 - (n / top) * (HEIGHT - 3)).toFixed(1)}`).join(' ');
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <title>{label}</title>
      <polyline points={points} />
    </svg>
  );
}
