// What the screens share: words, the configuration, and how trouble is told.
import { createContext, type ComponentChildren } from 'preact';
import { useContext, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { filled, type Lang, type SameAs, type WordsOf } from '../fill';
import type { Me } from '../types.gen';
import type en from '../texts/setup/en';
import { Trouble, type World } from './admin';

export type Same = SameAs<typeof en>;
export type Words = WordsOf<typeof en>;

const files: Record<Lang, () => Promise<{ default: Same }>> = {
  en: () => import('../texts/setup/en'),
  bg: () => import('../texts/setup/bg'),
};

// speak loads a language.
export const speak = async (lang: Lang): Promise<Words> => filled<typeof en>((await files[lang]()).default);

export interface Room {
  t: Words;
  me: Me;
  world: World;
  reload: () => Promise<void>;
}

export const RoomContext = createContext<Room>(undefined as unknown as Room);
export const useRoom = (): Room => useContext(RoomContext);

// said is the text of a machine word, if there is one.
export function said(t: Words, word: string): string | undefined {
  const text = (t as unknown as Record<string, unknown>)[word];
  return typeof text === 'string' ? text : undefined;
}

// may tells whether somebody has a permission (pkg/rights).
export const may = (me: Me, what: string): boolean => !!me.may?.includes(what);

// Wide is a table that scrolls by itself where it does not fit, also by keys.
export const Wide = ({ label, children }: { label: string; children: ComponentChildren }) => (
  <div class="wide-table" role="group" aria-label={label} tabIndex={0}><table>{children}</table></div>
);

// useAct runs one thing at a time and keeps what went wrong with it.
export function useAct(): { busy: boolean; trouble: Trouble | undefined; act: (f: () => Promise<unknown>) => Promise<boolean>; clear: () => void } {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble>();
  const act = async (f: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setTrouble(undefined);
    try {
      await f();
      return true;
    } catch (e) {
      if (!(e instanceof Trouble)) throw e;
      if (e.over) location.reload();
      setTrouble(e);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, trouble, act, clear: () => setTrouble(undefined) };
}

// useEvery calls f now and every ms, as long as somebody looks.
export function useEvery(ms: number, f: () => Promise<unknown>, again: unknown[] = []): void {
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const next = () => {
      if (!gone) timer = setTimeout(run, ms) as unknown as number;
    };
    const run = () => void (document.hidden ? Promise.resolve() : f().catch(() => undefined)).then(next);
    run();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, again);
}

// Told says what went wrong: in the reader's words where there are some, and in
// the house's beside them. While somebody types nothing was refused yet.
export function Told({ trouble, typing }: { trouble: Trouble | undefined; typing?: boolean }) {
  const { t } = useRoom();
  if (!trouble) return null;
  const own = said(t, trouble.reason) ?? (!trouble.violations.length ? t.wentWrong : typing ? t.notGoodYet : t.wrongFields);
  return (
    <div class="told" role={typing ? 'status' : 'alert'}>
      <p><b>{own}</b></p>
      {trouble.violations.length > 0
        ? <ul>{trouble.violations.map((v) => <li key={v.field}><code>{short(v.field)}</code> <Explained text={v.text} /></li>)}</ul>
        : trouble.message && !(t.lang !== 'en' && said(t, trouble.reason)) && <p lang="en" class="quiet">{trouble.message}</p>}
    </div>
  );
}

// short leaves out of a field's path where in the request it stood.
export const short = (field: string): string => field.replace(/^resources\[\d+\]\./, '').replace(/^\w+\./, '');

// Explained is a sentence of the house in the reader's words, or as it is where there
// are none. English readers load none.
export function Explained({ text }: { text: string }) {
  const { t } = useRoom();
  const [own, say] = useState<{ of: string; text: string | undefined }>();
  useEffect(() => {
    if (t.lang !== 'en') void import('./sentences').then((m) => say({ of: text, text: m.worded(text) }), () => undefined);
  }, [text, t.lang]);
  return t.lang !== 'en' && own?.of === text && own.text ? <span>{own.text}</span> : <span lang="en">{text}</span>;
}

// Ask is a question that stands before the page until it is answered.
export function Ask(p: { title: string; yes: string; danger?: boolean; busy?: boolean; onYes: () => void; onClose: () => void; children?: ComponentChildren }) {
  const { t } = useRoom();
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => box.current?.showModal(), []);
  return (
    <dialog ref={box} aria-label={p.title} onClose={p.onClose}>
      <form class="dialog" method="dialog" onSubmit={(e) => { e.preventDefault(); p.onYes(); }}>
        <h2>{p.title}</h2>
        {p.children}
        <div class="buttons">
          <button type="button" onClick={() => box.current?.close()}>{t.cancel}</button>
          <button class={p.danger ? 'danger' : 'primary'} disabled={p.busy}>{p.yes}</button>
        </div>
      </form>
    </dialog>
  );
}

// Copy puts a text on the clipboard and says so for a moment.
export function Copy({ text }: { text: string }) {
  const { t } = useRoom();
  const [done, setDone] = useState(false);
  const copy = () => void navigator.clipboard?.writeText(text).then(() => {
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  }, () => undefined);
  return <button type="button" onClick={copy}>{done ? t.copied : t.copy}</button>;
}

// stamp is a day and a time of day; empty for never.
export const stamp = (ms: string | undefined, t: Words): string =>
  Number(ms) ? new Date(Number(ms)).toLocaleString(t.lang, { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' } as Intl.DateTimeFormatOptions) : '';

// go shows another screen.
export const go = (path: string): void => void (location.hash = `#/${path}`);
