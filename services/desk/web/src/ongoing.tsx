// The live conversations of everybody, and what a supervisor does about them.
import { useState } from 'preact/hooks';
import type { ActOnConversationsResponse, ConversationView } from './types.gen';
import { Confirm, Dialog } from './dialog';
import type { Act, Seen } from './floor';
import { long, nameOf, preview, span } from './format';
import { HandOver, type How } from './handover';
import { said } from './i18n';
import { idOf, may as mayNow, num, windowOf } from './model';
import { useNow } from './rt';
import { useAloft } from './aloft';
import { Skills } from './skills';

export function Ongoing({ seen, again, act, more }: { seen: Seen; again: () => void; act: Act; more: () => void }) {
  const { desk, t } = useAloft();
  const now = useNow(1_000);
  const [chosen, choose] = useState<ReadonlySet<string>>(new Set());
  const [hand, setHand] = useState<{ view: ConversationView; how: How }>();
  const [needing, need] = useState('');
  const [closing, close] = useState<ConversationView[]>();
  const [outcome, tell] = useState('');
  const rows = seen.ongoing.conversations ?? [];
  const needed = rows.find((v) => idOf(v) === needing);
  const picked = rows.filter((v) => chosen.has(idOf(v)));
  const flip = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    choose(next);
  };
  const many = async (views: ConversationView[], what: object) => {
    const got = await desk.ask<ActOnConversationsResponse>('ActOnConversations', { refs: views.map((v) => v.ref), clientId: crypto.randomUUID(), ...what });
    const why = [...new Set((got?.outcomes ?? []).map((o) => o.reason ?? '').filter(Boolean))].map((r) => said(t, r) ?? r).join(', ');
    if (got) tell([t.doneOf(got.done ?? 0, views.length), why && t.notDone(why)].filter(Boolean).join(' '));
    choose(new Set());
    again();
  };
  return (
    <>
      {(picked.length > 0 || outcome) && (
        <div class="banner calm" role="status">
          <span>{picked.length > 0 ? t.chosen(picked.length) : outcome}</span>
          {picked.length > 0 && (
            <>
              <select aria-label={t.moveTo} value="" onChange={(e) => void many(picked, { toQueue: e.currentTarget.value })}>
                <option value="" disabled>{t.moveTo}</option>
                {seen.queues.map((q) => <option key={q.queue} value={q.queue}>{q.name || q.queue}</option>)}
              </select>
              <button class="danger" onClick={() => close(picked)}>{t.force_close}</button>
            </>
          )}
        </div>
      )}
      <div class="table" tabIndex={0} role="region" aria-label={t.conversations}>
        <table>
          <thead><tr>
            <th><input
              type="checkbox" aria-label={t.chooseAll} checked={rows.length > 0 && picked.length === rows.length}
              onChange={(e) => choose(new Set(e.currentTarget.checked ? rows.map(idOf) : []))}
            /></th>
            <th>{t.customerCol}</th><th>{t.queueCol}</th><th>{t.stateCol}</th><th>{t.agentCol}</th><th>{t.waitCol}</th><th>{t.ageCol}</th>
            <th>{t.windowCol}</th><th>{t.lastCol}</th><th>{t.actionsCol}</th>
          </tr></thead>
          <tbody>
            {rows.map((v) => (
              <Line
                key={idOf(v)} view={v} now={now} chosen={chosen.has(idOf(v))} flip={() => flip(idOf(v))}
                hand={(how) => { desk.set({ notice: '' }); setHand({ view: v, how }); }} close={() => close([v])} need={() => need(idOf(v))}
              />
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p class="quiet nothing">{t.noLive}</p>}
        {seen.ongoing.nextPageToken && <p class="quiet nothing"><button class="plain" onClick={more}>{t.moreOf(rows.length, seen.ongoing.total ?? 0)}</button></p>}
      </div>
      {hand && <HandOver view={hand.view} how={hand.how} onClose={() => { setHand(undefined); again(); }} />}
      {needed && (
        <Dialog title={nameOf(needed, t)} onClose={() => need('')}>
          <form method="dialog">
            <Skills view={needed} />
            <div class="buttons"><button>{t.close}</button></div>
          </form>
        </Dialog>
      )}
      {closing && (
        <Confirm
          title={t.confirmForce(closing.length)} text={t.confirmForceText} yes={t.force_close}
          onYes={() => void (closing.length > 1 ? many(closing, { forceClose: true }) : act('ForceCloseConversation', { ref: closing[0]!.ref }))}
          onClose={() => close(undefined)}
        />
      )}
    </>
  );
}

function Line({ view: v, now, chosen, flip, hand, close, need }: {
  view: ConversationView; now: number; chosen: boolean; flip: () => void; hand: (how: How) => void; close: () => void; need: () => void;
}) {
  const { desk, t } = useAloft();
  const w = windowOf(v, now);
  const name = nameOf(v, t);
  const may = (what: string) => v.supervise?.includes(what);
  const since = v.phase === 'PHASE_OPEN' ? num(v.queuedMs) || num(v.openedMs) : v.phase === 'PHASE_ACTIVE' && v.unanswered ? num(v.newestMs) : 0;
  return (
    <tr data-conversation={idOf(v)}>
      <td><input type="checkbox" aria-label={t.choose(name)} checked={chosen} onChange={flip} /></td>
      <th scope="row" dir="auto">{name} <small class="quiet">{v.labels?.join(', ')}</small></th>
      <td dir="auto">{v.queue}</td>
      <td>{t[v.phase ?? 'PHASE_UNSPECIFIED']}</td>
      <td dir="auto">{v.agentName || v.agent}</td>
      <td class="number">{since > 0 && span(now - since)}</td>
      <td class="number">{long(now - num(v.openedMs), t)}</td>
      <td class="number">{w.kind === 'closed' ? t.closedWindow : long(w.left, t)}</td>
      <td class="line" dir="auto">{preview(v, t)}</td>
      <td><div class="acts">
        {may('assign') && <button class="plain" onClick={() => hand('assign')}>{t.assign}</button>}
        {may('transfer') && <button class="plain" onClick={() => hand('transfer')}>{t.transfer}</button>}
        {mayNow(v, 'skills') && <button class="plain" onClick={need}>{t.needs}</button>}
        {may('monitor') && <button class="plain" onClick={() => void desk.attend('Monitor', v)}>{t.monitor}</button>}
        {may('join') && <button class="plain" onClick={() => void desk.attend('Join', v)}>{t.join}</button>}
        {may('force_close') && <button class="plain danger" onClick={close}>{t.force_close}</button>}
      </div></td>
    </tr>
  );
}
