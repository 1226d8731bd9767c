// Canned replies and commands: the list over the composer, and the agent's own to edit.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ConversationView, ListCannedRepliesResponse, ListPersonalRepliesResponse, PersonalReply, ReadyReply } from './types.gen';
import { Dialog } from './dialog';
import { said } from './i18n';
import { useRoom } from './rt';

const WAIT_MS = 120;

// Press is what the list does with a key of the composer, which asks while there is a list
// alone: true when it took it.
export type Press = { current?: (e: KeyboardEvent) => boolean };

// Commands are what stands over the conversation, by the keyboard: a command is there
// when its button is.
const COMMANDS = [['t', 'transfer'], ['tq', 'transfer'], ['c', 'consult'], ['end', 'end']] as const;
const button = (hint: string) => [...document.querySelectorAll<HTMLButtonElement>('.head .acts button')].find((b) => b.title === hint && !b.disabled);

export function Replies({ view, query, area, press, onPick }: {
  view: ConversationView; query: string; area: { current: HTMLTextAreaElement | null }; press: Press; onPick: (r: ReadyReply) => void;
}) {
  const { desk, t } = useRoom();
  const [personal, only] = useState(false);
  const [got, setGot] = useState<ListCannedRepliesResponse & { to: string }>();
  const [at, setAt] = useState(0);
  const [editing, edit] = useState(false);
  const to = `${personal} ${query}`;
  const list = useRef<HTMLUListElement>(null);
  useEffect(() => {
    let left = false;
    const timer = setTimeout(async () => {
      const found = await desk.ask<ListCannedRepliesResponse>('ListCannedReplies', { ref: view.ref, query, personal }, 'Reply');
      if (left || !found) return;
      setGot({ ...found, to });
      setAt(0);
    }, got ? WAIT_MS : 0);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [to, editing]);

  const deeds = query ? COMMANDS.filter(([word, k]) => word.startsWith(query) && button(t[`${k}Hint`])) : [];
  const run = ([word, k]: (typeof COMMANDS)[number]) => {
    onPick({});
    desk.set({ toQueue: word === 'tq' });
    button(t[`${k}Hint`])?.click();
  };
  const found = got?.replies ?? [];
  const all = [...deeds, ...found];
  press.current = (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step) setAt(Math.min(all.length - 1, Math.max(0, at + step)));
    else if (e.key !== 'Enter' || e.shiftKey) return false;
    else if (deeds[at]) run(deeds[at]);
    // What is listed for other words is not what was meant.
    else if (got?.to === to && all[at]) onPick(found[at - deeds.length]!);
    e.preventDefault();
    return true;
  };
  useEffect(() => {
    const el = area.current;
    list.current?.children[at]?.scrollIntoView({ block: 'nearest' });
    if (all[at]) el?.setAttribute('aria-activedescendant', `reply-${at}`);
    return () => el?.removeAttribute('aria-activedescendant');
  }, [at, all.length, got]);
  const mode = (own: boolean) => {
    only(own);
    area.current?.focus();
  };

  return (
    <section class="replies" aria-label={t.replies}>
      <div class="modes">
        <button type="button" class="chip" aria-pressed={!personal} onClick={() => mode(false)}>{t.all}</button>
        <button type="button" class="chip" aria-pressed={personal} onClick={() => mode(true)}>{t.ownReplies}</button>
        <button type="button" class="chip" onClick={() => edit(true)}>{t.editMine}</button>
        <span class="hint">{t.repliesHint} · /t /tq /c /end</span>
      </div>
      <ul ref={list} id="replies" role="listbox" aria-label={t.replies}>
        {deeds.map((d, i) => (
          <li key={d[0]} id={`reply-${i}`} role="option" aria-selected={i === at} onMouseDown={(e) => e.preventDefault()} onClick={() => run(d)}>
            <b>/{d[0]} {t[d[1]]}</b> <span class="said">{d[0] === 'tq' ? t.queues : t[`${d[1]}Hint`]}</span>
          </li>
        ))}
        {found.map((r, i) => <Choice key={r.id} id={`reply-${i + deeds.length}`} reply={r} on={i + deeds.length === at} onPick={() => onPick(r)} />)}
      </ul>
      {got && all.length === 0 && <p class="quiet" role="status">{t.noReplies}</p>}
      {editing && <Own onClose={() => { edit(false); area.current?.focus(); }} />}
    </section>
  );
}

function Choice({ id, reply: r, on, onPick }: { id: string; reply: ReadyReply; on: boolean; onPick: () => void }) {
  return (
    <li id={id} role="option" aria-selected={on} onMouseDown={(e) => e.preventDefault()} onClick={onPick}>
      <b dir="auto">{r.title}</b> <span class="quiet">{(r.tags ?? []).map((tag) => `#${tag}`).join(' ')}</span>
      <span class="said" dir="auto">{r.text}</span>
      {r.quickReplies && <span class="quick">{r.quickReplies.map((q, i) => <span key={i} dir="auto">{q.title}</span>)}</span>}
    </li>
  );
}

const SLUGS = ['CustomerFirstName', 'CustomerFullName', 'AgentFirstName', 'AgentNickname'];

// Own is what the agent wrote for own use.
function Own({ onClose }: { onClose: () => void }) {
  const { desk, t } = useRoom();
  const [all, setAll] = useState<ListPersonalRepliesResponse>();
  const [one, setOne] = useState<PersonalReply>();
  const close = useRef<HTMLButtonElement>(null);
  const text = useRef<HTMLTextAreaElement>(null);
  const read = async () => setAll(await desk.ask<ListPersonalRepliesResponse>('ListPersonalReplies', {}, 'Reply'));
  useEffect(() => void read(), []);
  const kept = all?.replies ?? [];
  const give = async (verb: string, body: object) => {
    desk.set({ notice: '' });
    if (!await desk.ask(`${verb}PersonalReply`, body, 'Reply')) return;
    setOne(undefined);
    await read();
  };
  const save = () => one && give(kept.some((r) => r.id === one.id) ? 'Update' : 'Create', { reply: { ...one, tags: one.tags?.map((tag) => tag.replaceAll('#', '')).filter(Boolean) } });
  const insert = (slug: string) => {
    const el = text.current!;
    el.setRangeText(`{${slug}}`, el.selectionStart, el.selectionEnd, 'end');
    setOne({ ...one, text: el.value });
    el.focus();
  };
  const bad = desk.state.notice;
  return (
    <Dialog title={t.editMine} onClose={onClose}>
      <form method="dialog" class="hand-over" onSubmit={(e) => { if (e.submitter !== close.current) { e.preventDefault(); void save(); } }}>
        {bad && <p class="wrong" role="alert">{bad === 'BAD_REQUEST' ? t.badReply : said(t, bad) ?? t.notNow}</p>}
        {one ? (
          <>
            <input required maxLength={100} value={one.title} placeholder={t.replyTitle} aria-label={t.replyTitle} onInput={(e) => setOne({ ...one, title: e.currentTarget.value })} />
            <textarea
              ref={text} required rows={5} maxLength={2000} dir="auto" value={one.text} placeholder={t.replyText} aria-label={t.replyText}
              onInput={(e) => setOne({ ...one, text: e.currentTarget.value })}
            />
            <div class="buttons">{SLUGS.map((s) => <button key={s} type="button" class="chip" onClick={() => insert(s)}>{`{${s}}`}</button>)}</div>
            <input
              value={(one.tags ?? []).join(' ')} placeholder={t.replyTags} aria-label={t.replyTags}
              onInput={(e) => setOne({ ...one, tags: e.currentTarget.value.split(/\s/) })}
            />
          </>
        ) : (
          <ul class="targets" aria-label={t.ownReplies}>
            {kept.map((r) => <li key={r.id}><button type="button" onClick={() => setOne(r)}><span class="name" dir="auto">{r.title}</span><span class="quiet">{r.text}</span></button></li>)}
            {all && kept.length === 0 && <li class="quiet none">{t.noReplies}</li>}
          </ul>
        )}
        <div class="buttons">
          <button ref={close} formNoValidate>{t.close}</button>
          {one && kept.some((r) => r.id === one.id) && <button type="button" onClick={() => void give('Delete', { id: one.id })}>{t.delete}</button>}
          {one ? <button class="primary">{t.keep}</button>
            : <button type="button" class="primary" disabled={kept.length >= (all?.most ?? 0)} onClick={() => setOne({ id: crypto.randomUUID(), title: '', text: '' })}>{t.newReply}</button>}
        </div>
      </form>
    </Dialog>
  );
}
