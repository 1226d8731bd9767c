// The page between the desk and a link whose text does not say where it leads. The
// address is behind #, which no server and no log of one is told (SK2, SK8).
import { dress, loadPrefs } from '../prefs';
import { safeURL } from '../format';
import type { Lang } from '../fill';

interface Words { title: string; nowhere: string; foreign: string; number: string; before: string; whole: string; open: string; close: string }

const words: Record<Lang, Words> = {
  en: {
    title: 'Look where this link leads', nowhere: 'There is no address of the web here.',
    foreign: 'Its name has letters that may look like others. xn-- says so.', number: 'It is a number in place of a name.',
    before: 'What stands before @ is not where it leads.', whole: 'The whole address', open: 'Open', close: 'Stay',
  },
  bg: {
    title: 'Вижте накъде води връзката', nowhere: 'Тук няма адрес от мрежата.',
    foreign: 'В името има букви, които може да приличат на други. Това значи xn--.', number: 'Това е число вместо име.',
    before: 'Каквото е пред @, не е мястото, до което води.', whole: 'Целият адрес', open: 'Отваряне', close: 'Оставам',
  },
};

const prefs = loadPrefs();
const t = words[prefs.lang];

function draw(): void {
  const url = safeURL(location.hash.slice(1));
  const to = url ? new URL(url) : undefined;
  const close = tag('button', t.close);
  close.onclick = () => window.close();
  document.title = t.title;
  document.getElementById('desk')!.replaceChildren(to
    ? tag('main', tag('h1', t.title), tag('p', tag('bdi', to.host)), ...remarks(to).map((r) => tag('p', r)), tag('small', `${t.whole}: `, tag('bdi', url)), tag('div', leads(url), close))
    : tag('main', tag('h1', t.nowhere), tag('div', close)));
}

// remarks are what is odd about an address.
function remarks(u: URL): string[] {
  return [
    /(^|\.)xn--/.test(u.hostname) && t.foreign,
    /^[\d.]+$|^\[/.test(u.hostname) && t.number,
    u.username !== '' && t.before,
  ].filter((r) => r !== false);
}

function leads(url: string): HTMLAnchorElement {
  const a = tag('a', t.open);
  a.href = url;
  a.rel = 'noopener noreferrer nofollow ugc';
  return a;
}

// tag is an element with what is in it; text stays text.
function tag<K extends keyof HTMLElementTagNameMap>(name: K, ...inside: (Node | string)[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(name);
  e.append(...inside);
  return e;
}

dress(prefs);
addEventListener('hashchange', draw);
draw();
