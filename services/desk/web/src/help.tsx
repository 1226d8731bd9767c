// The list of keys, and the question asked before something is lost.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useRoom } from './rt';

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => box.current?.showModal(), []);
  return (
    <dialog ref={box} aria-label={title} onClose={onClose} onClick={(e) => e.target === box.current && box.current?.close()}>
      <div class="dialog">
        <h2>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

export function Help({ onClose }: { onClose: () => void }) {
  const { t } = useRoom();
  const keys: [string, string][] = [
    ['Alt 1–9', t.keyTabs], ['Alt N', t.keyNext], ['Alt A', t.keyAccept], ['Alt R', t.keyReject], ['Alt M', t.keyMode],
    ['↑ ↓', t.keyArrows], ['Enter', t.keyEnter], ['?', t.keyHelp], ['Esc', t.keyEsc],
  ];
  return (
    <Dialog title={t.help} onClose={onClose}>
      <dl class="keys">{keys.map(([k, text]) => <div key={k}><dt><kbd>{k}</kbd></dt><dd>{text}</dd></div>)}</dl>
      <form method="dialog" class="buttons"><button class="primary">{t.close}</button></form>
    </Dialog>
  );
}

export function Confirm(p: { title: string; text: string; yes: string; onYes: () => void; onClose: () => void }) {
  const { t } = useRoom();
  return (
    <Dialog title={p.title} onClose={p.onClose}>
      <p>{p.text}</p>
      <form method="dialog" class="buttons">
        <button>{t.cancel}</button>
        <button class="primary" onClick={p.onYes}>{p.yes}</button>
      </form>
    </Dialog>
  );
}
