// The keyboard. Keys are taken by their place (code), not by their letter: a
// Bulgarian layout has other letters on them.
import { useEffect } from 'preact/hooks';
import { idOf, offers, tabs } from './model';
import { useRoom } from './rt';

export function useKeys(help: () => void): void {
  const { desk } = useRoom();
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.repeat) return;
      if (e.key === '?' && !e.altKey && !typing(e.target)) {
        e.preventDefault();
        return help();
      }
      if (!e.altKey || e.shiftKey) return;
      const digit = /^(?:Digit|Numpad)([1-9])$/.exec(e.code)?.[1];
      const offer = offers(desk.state)[0];
      if (digit) {
        const v = tabs(desk.state)[Number(digit) - 1];
        if (v) desk.show(idOf(v));
      } else if (e.code === 'KeyN') desk.next();
      else if (e.code === 'KeyA' && offer) void desk.answer(offer, true);
      else if (e.code === 'KeyR' && offer && !offer.notification?.noReject) void desk.answer(offer, false);
      else return;
      e.preventDefault();
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [desk]);
}

const typing = (el: EventTarget | null): boolean =>
  el instanceof HTMLElement && (el.matches('input, textarea, select') || el.isContentEditable);
