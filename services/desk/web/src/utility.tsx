// What can be sent when the time to reply is over: a utility template that the page
// has approved at Meta, with its blanks filled. Loaded apart from the page, with its
// words.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ConversationView, ListTemplatesResponse, ReadyTemplate, SendMessageResponse } from './types.gen';
import { useRoom } from './rt';
import texts from './texts/utility';

const MOST = 200;

export function Utility({ view }: { view: ConversationView }) {
  const { desk, prefs } = useRoom();
  const w = texts[prefs.lang];
  const [all, setAll] = useState<ReadyTemplate[]>([]);
  const [at, setAt] = useState('');
  useEffect(() => {
    let left = false;
    void desk.ask<ListTemplatesResponse>('ListTemplates', { ref: view.ref }).then((got) => !left && got && setAll(got.templates ?? []));
    return () => void (left = true);
  }, [view.ref?.conversation]);
  const chosen = all.find((one) => keyOf(one) === at);
  const pick = useRef<HTMLSelectElement>(null);
  if (!all.length) return null;
  return (
    <fieldset class="utility">
      <legend>{w.title}</legend>
      <select ref={pick} aria-label={w.choose} value={chosen ? at : ''} onChange={(e) => setAt(e.currentTarget.value)}>
        <option value="">{w.choose}</option>
        {all.map((one) => <option key={keyOf(one)} value={keyOf(one)}>{one.name} · {one.language}</option>)}
      </select>
      {chosen && <Fill key={at} view={view} template={chosen} onSent={() => { setAt(''); pick.current?.focus(); }} />}
    </fieldset>
  );
}

const keyOf = (one: ReadyTemplate): string => `${one.name} ${one.language}`;

// Fill shows the template as the customer will read it while its blanks are filled.
// One command is made of it however often it is pressed.
function Fill({ view, template, onSent }: { view: ConversationView; template: ReadyTemplate; onSent: () => void }) {
  const { desk, prefs, t } = useRoom();
  const w = texts[prefs.lang];
  const blanks = template.blanks ?? [];
  const [values, setValues] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const clientId = useRef(crypto.randomUUID());
  const ready = !busy && blanks.every((b) => values[b]?.trim());
  const send = async () => {
    if (!ready) return;
    setBusy(true);
    desk.set({ notice: '' });
    const parameters = blanks.map((b) => ({ ...(/^\d/.test(b) ? {} : { name: b }), text: values[b]!.trim() }));
    const sent = await desk.ask<SendMessageResponse>('SendMessage', {
      ref: view.ref, clientId: clientId.current, template: { utility: { name: template.name, language: template.language, parameters } },
    });
    setBusy(false);
    if (sent) onSent();
  };
  // Enter is for the template here, not for what is written below.
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key !== 'Enter' || e.isComposing) return;
    e.preventDefault();
    void send();
  };
  const change = (b: string, text: string) => {
    clientId.current = crypto.randomUUID();
    setValues({ ...values, [b]: text });
  };
  return (
    <>
      {blanks.map((b) => (
        <label key={b}>{/^\d/.test(b) ? `${w.blank} ${b}` : b.replaceAll('_', ' ')}
          <input dir="auto" maxLength={MOST} value={values[b] ?? ''} onInput={(e) => change(b, e.currentTarget.value)} onKeyDown={onKeyDown} />
        </label>
      ))}
      <p class="text" dir="auto">
        {(template.text ?? '').split(/(\{\{\w+\}\})/).map((piece, i) => (i % 2 ? <mark key={i}>{values[piece.slice(2, -2)]?.trim() || piece}</mark> : piece))}
      </p>
      <button type="button" class="primary" disabled={!ready} onClick={() => void send()}>{t.send}</button>
    </>
  );
}
