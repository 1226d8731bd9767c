// Handing a conversation over, and asking for advice on it: whom to choose.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { AgentTarget, ConversationView, ListTargetsResponse, QueueTarget } from './types.gen';
import { clock, nameOf } from './format';
import { said, type Words } from './i18n';
import { rove } from './list';
import { num } from './model';
import { useRoom } from './rt';
import { Dialog } from './dialog';

// Row is somebody or some queue to choose.
interface Row {
  id: string;
  name: string;
  of: string;
  room: string;
  hidden: string;
}

// How it is handed over: by its agent, by a supervisor to whom nobody has it, or
// not at all, with a question to somebody.
export type How = 'transfer' | 'assign' | 'consult';

export function HandOver({ view, how, onClose }: { view: ConversationView; how: How; onClose: () => void }) {
  const consult = how === 'consult';
  const { desk, t } = useRoom();
  const [tab, setTab] = useState<'agents' | 'queues'>(!consult && desk.state.toQueue ? 'queues' : 'agents');
  useEffect(() => desk.set({ toQueue: false }), []);
  const [search, setSearch] = useState('');
  const [all, setAll] = useState<ListTargetsResponse>();
  const [every, setEvery] = useState(false);
  const [chosen, choose] = useState('');
  const [note, setNote] = useState('');
  const clientId = useRef('');
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    let left = false;
    const timer = setTimeout(async () => {
      const got = await desk.ask<ListTargetsResponse>('ListTargets', { ref: view.ref, consult, search });
      if (!left && got) setAll(got);
    }, search ? 200 : 0);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [search, consult]);
  // Another choice is another command.
  useEffect(() => void (clientId.current = crypto.randomUUID()), [chosen, tab, note]);

  const rows = tab === 'agents' ? (all?.agents ?? []).map((a) => agentRow(a, t)) : (all?.queues ?? []).map((q) => queueRow(q, t));
  const shown = rows.filter((r) => every || !r.hidden);
  const ready = shown.some((r) => r.id === chosen && !r.hidden);
  const go = async () => {
    const to = tab === 'agents' ? { toAgent: chosen } : { toQueue: chosen };
    const ok = consult
      ? await desk.consult('AskConsult', view, { invitee: chosen, question: note.trim(), clientId: clientId.current })
      : how === 'assign' ? await desk.oversee('AssignConversation', { ref: view.ref, ...to, note: note.trim() })
        : view.agent === desk.state.me.agent ? await desk.transfer(view, { ...to, note: note.trim() }, clientId.current)
          : await desk.oversee('TransferConversation', { ref: view.ref, ...to, note: note.trim(), clientId: clientId.current });
    if (ok) close.current?.click();
  };

  return (
    <Dialog title={t[`${how}Of`](nameOf(view, t))} onClose={onClose}>
      <form method="dialog" class="hand-over" onSubmit={(e) => { if (e.submitter !== close.current) { e.preventDefault(); void go(); } }}>
        {desk.state.notice && <p class="wrong" role="alert">{said(t, desk.state.notice) ?? t.notNow}</p>}
        {!consult && (
          <div class="seg" role="group" aria-label={t.toWhom}>
            {(['agents', 'queues'] as const).map((k) => (
              <button key={k} type="button" aria-pressed={tab === k} onClick={() => { setTab(k); choose(''); }}>{t[k]}</button>
            ))}
          </div>
        )}
        <input type="search" value={search} placeholder={t.searchTarget} aria-label={t.searchTarget} onInput={(e) => setSearch(e.currentTarget.value)} />
        <ul class="targets" aria-label={t[tab]} onKeyDown={rove}>
          {shown.map((r) => (
            <li key={r.id}>
              <button type="button" aria-pressed={chosen === r.id} disabled={!!r.hidden} onClick={() => choose(r.id)}>
                <span class="name" dir="auto">{r.name}</span>
                <span class="quiet">{[r.hidden && (said(t, r.hidden) ?? r.hidden), r.of].filter(Boolean).join(' · ')}</span>
                <span class="room">{r.room}</span>
              </button>
            </li>
          ))}
          {all && shown.length === 0 && <li class="quiet none">{t.nobodyThere}</li>}
          {!all && <li class="quiet none">{t.loading}</li>}
        </ul>
        {rows.length > shown.length && <button type="button" class="plain" onClick={() => setEvery(true)}>{t.showUnavailable(rows.length - shown.length)}</button>}
        <textarea
          rows={2} maxLength={consult ? 500 : 4000} value={note} placeholder={consult ? t.question : t.noteForNext} aria-label={consult ? t.question : t.noteForNext}
          onInput={(e) => setNote(e.currentTarget.value)}
        />
        <div class="buttons">
          <button ref={close} formNoValidate>{t.cancel}</button>
          <button class="primary" disabled={!ready}>{t[how]}</button>
        </div>
      </form>
    </Dialog>
  );
}

function agentRow(a: AgentTarget, t: Words): Row {
  const skills = a.needed ? ` · ${t.skillsOf(a.matched ?? 0, a.needed)}` : '';
  return {
    id: a.agent ?? '', name: a.name || a.agent || '', of: t[a.presence ?? 'PRESENCE_UNSPECIFIED'] + skills,
    room: `${a.used ?? 0}/${a.capacity ?? 0}`, hidden: a.hidden ?? '',
  };
}

function queueRow(q: QueueTarget, t: Words): Row {
  return {
    id: q.queue ?? '', name: q.name || q.queue || '', of: num(q.opensMs) ? t.opensAt(clock(num(q.opensMs), t)) : t.waitIn(q.waiting ?? 0),
    room: '', hidden: q.hidden ?? '',
  };
}
