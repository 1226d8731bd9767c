// The thumb, a sticker that goes in place of a message: loaded apart from the page,
// with its words. It is there while Messenger takes it, and leaves what is written.
import type { ConversationView } from './types.gen';
import { idOf, windowOf } from './model';
import { useNow, useRoom } from './rt';
import texts from './texts/sticker';

// The one sticker that the desk takes, and what it shows.
const THUMB = '369239263222822';
const SHOWS = '👍';

export function Sticker({ view }: { view: ConversationView }) {
  const { desk, prefs } = useRoom();
  const now = useNow(5_000);
  if (windowOf(view, now).kind !== 'response') return null;
  const send = (e: MouseEvent) => {
    if (e.detail > 1 || !view.ref) return; // who presses twice means one
    desk.write('send', view.ref, SHOWS, desk.state.quotes[idOf(view)]?.id, undefined, undefined, THUMB);
    desk.quote(view.ref);
    document.querySelector<HTMLTextAreaElement>('.field textarea')?.focus();
  };
  const title = texts[prefs.lang].send;
  return <button type="button" class="thumb" title={title} aria-label={title} onClick={send}>{SHOWS}</button>;
}
