// What stands before the page until it is answered, and the question asked
// before something is lost.
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useRoom } from './rt';

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => box.current?.showModal(), []);
  return (
    <dialog ref={box} aria-label={title} onClose={() => { caret(); onClose(); }} onClick={(e) => e.target === box.current && box.current?.close()}>
      <div class="dialog">
        <h2 dir="auto">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

// caret puts it where the focus went back to. Chromium gives the focus back while the
// page behind a dialog is inert still: no caret came with it, and what was typed got lost.
function caret(): void {
  const el = document.activeElement;
  if (el instanceof HTMLTextAreaElement) el.setSelectionRange(el.selectionStart, el.selectionEnd);
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
