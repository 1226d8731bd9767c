// Which conversations of the work list are shown: by what is left of their windows, or
// by label. Loaded apart, with its words.
import { useEffect, useState } from 'preact/hooks';
import type { ConversationView } from './types.gen';
import { mine, waiting, windowOf } from './model';
import { useNow, useRoom } from './rt';
import texts from './texts/narrow';

// CLOSING_MS is from when on the list shows how much is left of a window.
const CLOSING_MS = 4 * 3_600_000;

// Narrow is a choice out of what the agent's conversations have; all of them are shown
// again when it goes.
export function Narrow() {
  const { desk, prefs } = useRoom();
  const now = useNow(20_000);
  const w = texts[prefs.lang];
  const [chosen, choose] = useState('');
  useEffect(() => () => desk.set({ keep: undefined }), [desk]);
  const all = [...mine(desk.state), ...waiting(desk.state)];
  // A label may be called like anything, so it has a letter before it.
  const by = (choice: string) => (v: ConversationView, at = desk.now()) => {
    const { kind, left } = windowOf(v, at);
    if (choice === 'closed') return kind === 'closed';
    if (choice === 'closing') return kind !== 'closed' && left < CLOSING_MS;
    return !!v.labels?.includes(choice.slice(1));
  };
  const labels = [...new Set([...all.flatMap((v) => v.labels ?? []), ...(chosen[0] === '#' ? [chosen.slice(1)] : [])])].sort((a, b) => a.localeCompare(b));
  const option = (choice: string, name: string) => <option key={choice} value={choice}>{name} ({all.filter((v) => by(choice)(v, now)).length})</option>;
  const turn = (choice: string) => {
    choose(choice);
    desk.set({ keep: choice ? (v) => by(choice)(v) : undefined });
  };
  return (
    <select class="narrow" aria-label={w.show} value={chosen} onChange={(e) => turn(e.currentTarget.value)}>
      <option value="">{w.all}</option>
      <optgroup label={w.windows}>{option('closing', w.closing)}{option('closed', w.closed)}</optgroup>
      {labels.length > 0 && <optgroup label={w.labels}>{labels.map((l) => option(`#${l}`, l))}</optgroup>}
    </select>
  );
}
