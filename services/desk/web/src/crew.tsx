// Who works, as a supervisor sees them.
import { useState } from 'preact/hooks';
import type { AgentFigure, ListAgentsResponse, Presence } from './types.gen';
import { Adjust } from './adjust';
import type { Act } from './floor';
import { long, span } from './format';
import { num } from './model';
import { useNow } from './rt';
import { useAloft } from './aloft';

const CHOICES: Presence[] = ['PRESENCE_AVAILABLE', 'PRESENCE_BUSY', 'PRESENCE_DO_NOT_DISTURB', 'PRESENCE_AWAY', 'PRESENCE_OFFLINE'];

export function Crew({ figures, act, onAgent, again }: { figures: ListAgentsResponse; act: Act; onAgent: (agent: string) => void; again: () => void }) {
  const { desk, t } = useAloft();
  const now = useNow(5_000);
  const [adjusted, adjust] = useState<string>();
  const adjusts = !!desk.state.me.may?.includes('crew.adjust');
  return (
    <div class="table" tabIndex={0} role="region" aria-label={t.agents}>
      <table>
        <thead><tr>
          <th>{t.agentCol}</th><th>{t.presence}</th><th>{t.loadCol}</th><th>{t.inHand}</th><th>{t.unansweredCol}</th><th>{t.wrappingUp}</th>
          <th>{t.setAside}</th><th title={t.takenColIs}>{t.takenCol}</th><th title={t.rejectedColIs}>{t.rejectedCol}</th><th title={t.missedColIs}>{t.missedCol}</th><th title={t.handleColIs}>{t.handleTime}</th><th>{t.queues}</th><th>{t.skillsCol}</th>
          {adjusts && <th>{t.actionsCol}</th>}
        </tr></thead>
        <tbody>{(figures.agents ?? []).map((a) => <Agent key={a.agent} of={a} now={now} act={act} onAgent={onAgent} adjust={adjusts ? adjust : undefined} />)}</tbody>
      </table>
      {adjusted && <Adjust agent={adjusted} onClose={() => { adjust(undefined); again(); }} />}
    </div>
  );
}

function Agent({ of: a, now, act, onAgent, adjust }: {
  of: AgentFigure; now: number; act: Act; onAgent: (agent: string) => void; adjust: ((agent: string) => void) | undefined;
}) {
  const { t } = useAloft();
  const s = a.standing ?? {};
  const presence = s.presence ?? 'PRESENCE_UNSPECIFIED';
  const since = num(s.sinceMs);
  const shown = CHOICES.includes(presence) ? CHOICES : [presence, ...CHOICES];
  return (
    <tr data-agent={a.agent}>
      <th scope="row"><button class="plain" dir="auto" onClick={() => onAgent(a.agent ?? '')}>{a.name || a.agent}</button></th>
      <td>
        <span class="presence" data-presence={presence}>
          <span class="sel"><i class="dot" aria-hidden="true" /><select
            aria-label={`${t.setPresence}: ${a.name || a.agent}`} value={presence}
            onChange={(e) => void act('SetAgentPresence', { ofAgent: a.agent, presence: e.currentTarget.value })}
          >{shown.map((p) => <option key={p} value={p} disabled={!CHOICES.includes(p)}>{t[p]}</option>)}</select></span>
          <span class="quiet">{[a.statusName, since > 0 && long(now - since, t)].filter(Boolean).join(' · ')}</span>
        </span>
      </td>
      <td class="number">{s.used ?? 0}/{s.capacity ?? 0}</td>
      <td class="number">{a.active ?? 0}</td>
      <td class="number">{a.unanswered ?? 0}</td>
      <td class="number">{a.wrapUp ?? 0}</td>
      <td class="number">{a.waiting ?? 0}</td>
      <td class="number">{a.taken ?? 0}</td>
      <td class="number">{a.rejected ?? 0}</td>
      <td class="number">{a.missed ?? 0}</td>
      <td class="number">{num(a.handleMs) > 0 && span(num(a.handleMs))}</td>
      <td class="many" dir="auto">{(a.queues ?? []).join(', ')}</td>
      <td class="many" dir="auto">{(a.skills ?? []).join(', ')}</td>
      {adjust && <td><button class="plain" data-deed="adjust" aria-label={`${t.adjust}: ${a.name || a.agent}`} onClick={() => adjust(a.agent ?? '')}>{t.adjust}</button></td>}
    </tr>
  );
}
