// A picture of the conversation over the page, and those before and after it. Loaded
// apart, with its words: until then, and for whoever wants a tab, a picture is a link.
import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Dialog } from './dialog';
import { useRoom } from './rt';
import texts from './texts/lightbox';

const PICTURES = 'a.pic';

// Seen is the picture that is shown: whole it may be smaller than it is, and gone it
// could not be had.
interface Seen { link: HTMLAnchorElement; whole: boolean; gone?: boolean }

// Lightbox shows one of the pictures that the conversation in box shows now: what was
// refused, lost or taken back is no link there. older reads what is before the first, if
// there is something. It is drawn after the messages.
export function Lightbox({ box, older }: { box: RefObject<HTMLElement | null>; older: (() => void) | undefined }) {
  const [seen, show] = useState<Seen>();
  const back = useRef(false);
  const all = seen ? [...box.current!.querySelectorAll<HTMLAnchorElement>(PICTURES)] : [];
  const place = seen ? all.indexOf(seen.link) : -1;
  const go = (by: number) => {
    const link = all[place + by];
    back.current = !link && by < 0;
    if (link) show({ link, whole: true });
    else if (by < 0) older?.();
  };

  useEffect(() => {
    const press = (e: MouseEvent) => {
      const link = (e.target as Element).closest<HTMLAnchorElement>(PICTURES);
      if (!link || !box.current!.contains(link) || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return;
      e.preventDefault();
      link.focus(); // the focus comes back to it
      show({ link, whole: true });
    };
    addEventListener('click', press);
    return () => removeEventListener('click', press);
  }, []);
  useLayoutEffect(() => {
    if (seen && place < 0) show(undefined);
    if (place > 0 && back.current) go(-1);
  });

  return seen && place >= 0 ? <Over seen={seen} show={show} place={place} of={all.length} go={go} more={!!older} /> : null;
}

interface Shown { seen: Seen; show: (s: Seen | undefined) => void; place: number; of: number; go: (by: number) => void; more: boolean }

function Over({ seen, show, place, of, go, more }: Shown) {
  const { prefs, t } = useRoom();
  const w = texts[prefs.lang];
  const stage = useRef<HTMLDivElement>(null);
  const { link, whole, gone } = seen;
  const name = link.querySelector('img')!.alt;
  const before = place === 0 && more ? w.older : w.before;
  useArrows(go, whole);
  // zoom keeps what was pressed in the middle.
  const zoom = (e: MouseEvent) => {
    const img = e.currentTarget as HTMLElement;
    const x = e.offsetX / img.clientWidth;
    const y = e.offsetY / img.clientHeight;
    show({ link, whole: !whole });
    requestAnimationFrame(() => stage.current?.scrollTo(x * img.clientWidth - stage.current.clientWidth / 2, y * img.clientHeight - stage.current.clientHeight / 2));
  };
  return (
    <Dialog title={name} onClose={() => show(undefined)}>
      <div class={whole ? 'lightbox' : 'lightbox natural'} ref={stage} tabIndex={whole ? undefined : 0} role="group" aria-label={name}>
        {gone ? <p class="gone">{w.gone}</p>
          : <img key={link.href} src={link.href} alt={name} referrerpolicy="no-referrer" onClick={zoom} onError={() => show({ link, whole: true, gone: true })} />}
      </div>
      <form method="dialog" class="buttons">
        <button type="button" class="icon" title={before} aria-label={before} aria-disabled={place === 0 && !more} onClick={() => go(-1)}>‹</button>
        <output class="quiet">{place + 1} / {of}</output>
        <button type="button" class="icon" title={w.after} aria-label={w.after} aria-disabled={place === of - 1} onClick={() => go(1)}>›</button>
        <button type="button" aria-pressed={!whole} disabled={gone} onClick={() => show({ link, whole: !whole })}>{w.natural}</button>
        {link.origin === location.origin && <a href={link.href} download={name}>{w.download}</a>}
        <a href={link.href} target="_blank" rel="noopener noreferrer nofollow">{w.tab}</a>
        <button class="primary">{t.close}</button>
      </form>
    </Dialog>
  );
}

// useArrows goes on by the arrows, except where they move a large picture.
function useArrows(go: (by: number) => void, on: boolean): void {
  const latest = useRef((_: KeyboardEvent) => {});
  latest.current = (e) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    if (by && on && !e.altKey) go(by);
  };
  useLayoutEffect(() => { // whoever is quick is heard, too
    const press = (e: KeyboardEvent) => latest.current(e);
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}
