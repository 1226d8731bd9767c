// Where the agent writes. Nothing typed is ever lost: the draft is kept per
// conversation and mode, over tabs and reloads.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ConversationView } from './types.gen';
import { nameOf } from './format';
import type { Words } from './i18n';
import { later } from './later';
import { filesKey, idOf, may, windowOf } from './model';
import { loadDraft, saveDraft, type Draft } from './prefs';
import type { Press } from './replies';
import { useNow, useRoom } from './rt';

const Enclosed = later(() => import('./enclosed').then((m) => m.Enclosed));
const Sticker = later(() => import('./sticker').then((m) => m.Sticker));
const Replies = later(() => import('./replies').then((m) => m.Replies));
// A draft that begins so looks for canned replies.
const SEEKS = /^\/(?:q(?=\s|$))?\s*(.*)$/s;

const LIMIT = { reply: 20_000, note: 4_000 };
// Messenger takes this many UTF-16 units in one message.
const PART = 1_900;
const MAX_PX = 220;
// Files that go with one message.
const FILES = 10;

export function Composer({ view }: { view: ConversationView }) {
  const { desk, t } = useRoom();
  const now = useNow(5_000);
  const agent = desk.state.me.agent ?? '';
  const id = idOf(view);
  const why = cannotReply(view, now, t);
  const [draft, setDraft] = useState<Draft>(() => loadDraft(agent, id) ?? { mode: why ? 'note' : 'reply', reply: '', note: '' });
  const area = useRef<HTMLTextAreaElement>(null);
  const { mode } = draft;
  const confers = may(view, 'confer');
  const part = view.part?.part;
  const advises = confers || part === 'PART_CONSULTANT' || part === 'PART_MONITOR';
  const quoted = desk.state.quotes[id];
  const text = draft[mode];
  const length = [...text].length;
  const blocked = mode === 'reply' ? why : may(view, 'note') ? '' : t.sendNotYours;
  const sought = mode === 'reply' && !blocked ? SEEKS.exec(text)?.[1] : undefined;
  const press: Press = useRef<Press['current']>(undefined);
  const [plain, setPlain] = useState(false); // the agent means the slash
  if (plain && sought === undefined) setPlain(false);
  const seeks = sought !== undefined && !plain;
  const files = mode === 'reply' ? desk.state.files[id] ?? [] : [];
  const ready = !seeks && !blocked && (text.trim() !== '' || files.length > 0) && length <= LIMIT[mode] && files.every((f) => f.state === 'done');
  const attaches = mode === 'reply' && !why && !!view.files;

  const change = (d: Draft) => {
    if (!d.reply.trim()) delete d.quickReplies;
    setDraft(d);
    saveDraft(agent, id, d);
  };
  const pick = (m: Draft['mode']) => {
    change({ ...draft, mode: m });
    area.current?.focus();
  };
  const send = () => {
    if (!ready || !view.ref) return;
    desk.write(mode === 'reply' ? 'send' : confers ? 'confer' : 'note', view.ref, text.trim(), mode === 'reply' ? quoted?.id : undefined,
      files.length ? files.map((f) => ({ id: f.id!, name: f.name })) : undefined, mode === 'reply' ? draft.quickReplies : undefined);
    if (mode === 'reply') desk.quote(view.ref);
    if (files.length) {
      desk.enclose(id, () => []);
      uploads((m) => m.sent(desk, view, files));
    }
    change({ ...draft, [mode]: '' });
    area.current?.focus();
  };
  const onKeyDown = (e: KeyboardEvent) => {
    // While an input method composes, Enter belongs to it.
    if (e.isComposing || e.keyCode === 229) return;
    if (seeks && e.key === 'Escape') {
      e.stopPropagation();
      return setPlain(true);
    }
    if (seeks && press.current?.(e)) return;
    if (e.key !== 'Enter' || e.shiftKey) return;
    e.preventDefault();
    send();
  };

  const take = (list: FileList | undefined) => {
    const chosen = [...list ?? []];
    if (attaches && chosen.length) uploads((m) => m.choose(desk, view, chosen.slice(0, FILES - files.length)));
  };

  useEffect(() => {
    if (sessionStorage.getItem(filesKey(agent, id))) uploads((m) => m.restore(desk, view));
  }, [id]);
  const could = useRef(why);
  useEffect(() => {
    // What is left to write when the talk is over, and what may be written when it was
    // not before; what was begun stays where it was.
    if (view.phase === 'PHASE_WRAP_UP') change({ ...draft, mode: 'note' });
    else if (could.current && !why && !draft.note) change({ ...draft, mode: 'reply' });
    could.current = why;
  }, [view.phase, why]);
  useFocus(area, id);
  useDrop(take);
  useLayoutEffect(() => grow(area.current), [text, mode]);
  useModeKey(() => pick(mode === 'reply' ? 'note' : 'reply'));

  return (
    <>
    {seeks && <Replies view={view} query={sought} area={area} press={press} onPick={({ text = '', quickReplies }) => { change({ ...draft, reply: text, quickReplies }); area.current?.focus(); }} />}
    <form class={`pen ${mode}${advises ? ' advice' : ''}`} onSubmit={(e) => { e.preventDefault(); send(); }}>
      <div class="modes" role="group" aria-label={t.modeOf}>
        {(['reply', 'note'] as const).map((m) => (
          <button key={m} type="button" class="chip" aria-pressed={mode === m} title="Alt M" onClick={() => pick(m)}>{m === 'note' && advises ? part === 'PART_MONITOR' ? t.whisper : t.consult : t[m]}</button>
        ))}
        <span class="hint">{t.keysHint}</span>
        {mode === 'reply' && !why && <Sticker view={view} />}
      </div>
      {quoted && mode === 'reply' && (
        <p class="quote" dir="auto">{t.answered}: {quoted.text || t.aMessage} <button type="button" aria-label={t.dismiss} onClick={() => desk.quote(view.ref!)}>×</button></p>
      )}
      <Enclosed view={view} draft={draft} change={change} />
      <div class="field">
        {attaches && (
          <label class="clip" title={t.attach}>
            <input type="file" multiple aria-label={t.attach} accept={view.files?.types?.map((x) => `.${x}`).join()}
              onChange={(e) => { take(e.currentTarget.files ?? undefined); e.currentTarget.value = ''; }} />
            <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true"><path d="M12.5 7.5 7.3 12.7a3 3 0 0 1-4.2-4.2l5.6-5.6a2 2 0 0 1 2.8 2.8l-5.3 5.3a1 1 0 0 1-1.4-1.4l4.9-4.9" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linecap="round" stroke-linejoin="round" /></svg>
          </label>
        )}
        <textarea
          ref={area} rows={2} dir="auto" value={text} aria-label={t[mode]} aria-describedby="pen-why"
          aria-autocomplete={seeks ? 'list' : undefined} aria-controls={seeks ? 'replies' : undefined}
          placeholder={mode === 'note' ? t.noteHint : t.replyTo(nameOf(view, t))}
          onInput={(e) => {
            change({ ...draft, [mode]: e.currentTarget.value });
            if (mode === 'reply' && !why && view.ref) desk.typing(view.ref);
          }} onKeyDown={onKeyDown}
          onPaste={(e) => {
            if (!e.clipboardData?.files.length) return;
            e.preventDefault();
            take(e.clipboardData.files);
          }}
        />
        <button class="primary send" disabled={!ready}>{mode === 'note' ? t.save : t.send}</button>
      </div>
      <p class="under" id="pen-why">
        {blocked && <span class="why">{blocked}</span>}
        <Counter mode={mode} text={text} length={length} t={t} />
      </p>
    </form>
    </>
  );
}

// uploads does something with what uploads files, once that is here, in order.
function uploads(then: (m: typeof import('./upload')) => void): void {
  uploading = uploading.then(() => import('./upload')).then(then).catch(() => undefined);
}
let uploading: Promise<unknown> = Promise.resolve();

// toComposer gives the cursor back after a button that goes away when pressed.
export function toComposer(): void {
  document.querySelector<HTMLTextAreaElement>('.field textarea')?.focus();
}

// cannotReply says why no message can be sent now; '' when one can.
function cannotReply(v: ConversationView, now: number, t: Words): string {
  if (v.phase === 'PHASE_WRAP_UP' || v.phase === 'PHASE_CLOSED') return t.sendEnded;
  if (v.phase === 'PHASE_WAITING') return t.sendParked;
  if (windowOf(v, now).kind === 'closed') return t.sendClosed;
  if (v.owner) return t.sendOwned;
  return may(v, 'send') ? '' : v.part ? t.sendBeside : t.sendNotYours;
}

function Counter({ mode, text, length, t }: { mode: Draft['mode']; text: string; length: number; t: Words }) {
  const left = LIMIT[mode] - length;
  if (left < 0) return <span class="count why" role="alert">{t.tooLong}: {left}</span>;
  if (left < 500) return <span class="count">{t.left(left)}</span>;
  if (mode === 'reply' && text.length > PART) return <span class="count">{t.parts(Math.ceil(text.length / PART))}</span>;
  return null;
}

// useFocus puts the cursor here when a conversation opens, before anything is
// painted: the first letters typed after Alt 2 must not be lost. Not on touch
// screens, where it would raise the keyboard over the messages.
function useFocus(area: { current: HTMLTextAreaElement | null }, id: string) {
  useLayoutEffect(() => {
    const el = area.current;
    if (!el || matchMedia('(pointer: coarse)').matches) return;
    el.focus({ preventScroll: true });
    el.setSelectionRange(el.value.length, el.value.length);
  }, [id]);
}

// useDrop takes what is dropped anywhere: the browser would open it in place of
// the page.
function useDrop(take: (files: FileList | undefined) => void) {
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    const over = (e: DragEvent) => e.preventDefault();
    const drop = (e: DragEvent) => {
      e.preventDefault();
      latest.current(e.dataTransfer?.files);
    };
    addEventListener('dragover', over);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('drop', drop);
    };
  }, []);
}

function useModeKey(swap: () => void) {
  const latest = useRef(swap);
  latest.current = swap;
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (!e.altKey || e.ctrlKey || e.metaKey || e.shiftKey || e.code !== 'KeyM') return;
      e.preventDefault();
      latest.current();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}

// grow fits the field to its text, up to a height.
function grow(el: HTMLTextAreaElement | null) {
  if (!el) return;
  el.style.height = 'auto';
  el.style.height = `${Math.min(MAX_PX, el.scrollHeight + 2)}px`;
}
