// The labels of a conversation, and a supervisor's choice of one. Loaded apart, with
// their words.
import { useRef, useState } from 'preact/hooks';
import type { ConversationView } from './types.gen';
import { may } from './model';
import { useRoom } from './rt';
import texts from './texts/labels';

const MOST = 10;
const LONGEST = 40;

// Labels are those of a conversation; who may write a note on it gives and takes them.
// Proposed are those that other conversations on this page have, so that one thing is
// written in one way. It may stand in two places at once, each with its name.
export function Labels({ view, at = 'panel' }: { view: ConversationView; at?: string }) {
  const { desk, prefs } = useRoom();
  const w = texts[prefs.lang];
  const [typed, type] = useState('');
  const busy = useRef(false);
  const field = useRef<HTMLInputElement>(null);
  const has = view.labels ?? [];
  const used = sorted([...desk.state.views.values()].flatMap((v) => v.labels ?? []));
  const say = async (change: object) => {
    if (busy.current) return false;
    busy.current = true;
    const done = await desk.oversee('LabelConversation', { ref: view.ref, clientId: crypto.randomUUID(), ...change });
    busy.current = false;
    return done;
  };
  const add = async (e: Event) => {
    e.preventDefault();
    const label = typed.trim();
    const known = used.find((u) => u.toLowerCase() === label.toLowerCase());
    if (label && await say({ added: [known ?? label] })) type((now) => (now === typed ? '' : now));
  };
  const changes = may(view, 'note');
  if (!has.length && !changes) return null;
  return (
    <section class="labels">
      <h3>{w.labels}</h3>
      <ul>
        {has.map((label) => (
          <li key={label} class="badge soft">
            <span dir="auto">{label}</span>
            {changes && <button class="icon" aria-label={`${w.remove} ${label}`} onClick={() => { void say({ removed: [label] }); field.current?.focus(); }}>✕</button>}
          </li>
        ))}
      </ul>
      {changes && (
        <form onSubmit={(e) => void add(e)}>
          <input
            ref={field} value={typed} list={`labels-${at}`} maxLength={LONGEST} readOnly={has.length >= MOST} dir="auto" autocomplete="off"
            aria-label={w.add} placeholder={has.length < MOST ? w.add : w.full} onInput={(e) => type(e.currentTarget.value)}
          />
          <datalist id={`labels-${at}`}>{used.filter((u) => !has.includes(u)).map((u) => <option key={u} value={u} />)}</datalist>
          <button disabled={!typed.trim()}>{w.give}</button>
        </form>
      )}
    </section>
  );
}

// ByLabel chooses one of the labels that there are, or none.
export function ByLabel({ labels, chosen, choose }: { labels: string[]; chosen: string; choose: (label: string) => void }) {
  const w = texts[useRoom().prefs.lang];
  const all = sorted(chosen ? [...labels, chosen] : labels);
  if (!all.length) return null;
  return (
    <select aria-label={w.label} value={chosen} onChange={(e) => choose(e.currentTarget.value)}>
      <option value="">{w.all}</option>
      {all.map((l) => <option key={l} value={l}>{l}</option>)}
    </select>
  );
}

function sorted(labels: string[]): string[] {
  return [...new Set(labels)].sort((a, b) => a.localeCompare(b));
}
