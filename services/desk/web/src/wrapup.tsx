// What is asked of the agent when a conversation in wrap-up is closed.
import { useRef, useState } from 'preact/hooks';
import type { ConversationView } from './types.gen';
import { Dialog } from './dialog';
import { nameOf } from './format';
import { said } from './i18n';
import { later } from './later';
import { useRoom } from './rt';

const Labels = later(() => import('./labels').then((m) => m.Labels));

export function WrapUp({ view, onClose }: { view: ConversationView; onClose: () => void }) {
  const { desk, t } = useRoom();
  const [chosen, choose] = useState<string[]>([]);
  const [note, setNote] = useState('');
  const cancel = useRef<HTMLButtonElement>(null);
  const form = view.wrapUpForm ?? {};
  const most = form.most ?? 0;
  const ready = (!form.required || chosen.length > 0) && (!form.noteRequired || note.trim() !== '');
  const turn = (code: string) => choose(chosen.includes(code) ? chosen.filter((c) => c !== code) : [...chosen, code]);
  const go = async () => {
    if (ready && await desk.act('Close', view, { dispositions: chosen, note: note.trim() })) onClose();
  };
  return (
    <Dialog title={t.closeOf(nameOf(view, t))} onClose={onClose}>
      <Labels view={view} at="wrap-up" />
      <form
        method="dialog" class="hand-over" onSubmit={(e) => { if (e.submitter !== cancel.current) { e.preventDefault(); void go(); } }}
        onKeyDown={(e) => { if (e.key === 'Enter' && e.ctrlKey) { e.preventDefault(); void go(); } }}
      >
        {desk.state.notice && <p class="wrong" role="alert">{said(t, desk.state.notice) ?? t.notNow}</p>}
        {!!form.options?.length && (
          <fieldset class="codes">
            <legend>{form.required ? t.whatBecame : t.whatBecameIf} <span class="quiet">{t.atMost(most)}</span></legend>
            {form.options.map(({ code = '', name }, i) => (
              <label key={code}>
                <input type="checkbox" autoFocus={i === 0} checked={chosen.includes(code)} disabled={!chosen.includes(code) && chosen.length >= most} onChange={() => turn(code)} /> {name}
              </label>
            ))}
          </fieldset>
        )}
        <textarea
          rows={3} maxLength={4000} dir="auto" autoFocus={!form.options?.length} value={note} required={!!form.noteRequired} placeholder={form.noteRequired ? t.endNote : t.endNoteIf}
          aria-label={form.noteRequired ? t.endNote : t.endNoteIf} onInput={(e) => setNote(e.currentTarget.value)}
        />
        <div class="buttons">
          <button ref={cancel} formNoValidate>{t.cancel}</button>
          <button class="primary" disabled={!ready} title="Ctrl Enter">{t.close}</button>
        </div>
      </form>
    </Dialog>
  );
}
