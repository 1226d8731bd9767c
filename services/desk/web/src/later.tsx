// Parts of the page that are not needed to answer a customer are loaded apart:
// when the page has time, or when somebody wants them before that.
import { h, type FunctionComponent } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const AGAIN_MS = 2_000;
const parts: (() => Promise<void>)[] = [];

// later gives a component that draws nothing until it is there.
export function later<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  let part: FunctionComponent<P> | undefined;
  const fetch = async () => void (part ??= await load());
  parts.push(fetch);
  return (props) => {
    const [, draw] = useState(0);
    const now = part; // it may come before the effect runs, which has to draw it then
    useEffect(() => {
      let timer = 0;
      const come = () => void fetch().then(() => draw(1), () => (timer = setTimeout(come, AGAIN_MS) as unknown as number));
      if (!now) come();
      return () => clearTimeout(timer);
    }, []);
    return now ? h(now, props) : null;
  };
}

// preload fetches all of them when the browser has nothing else to do, and then those
// that they are made of. A page that stays open for a shift so has them before a newer
// house takes them away.
export function preload(): void {
  const idle = globalThis.requestIdleCallback ?? ((f: () => void) => setTimeout(f, 1_000));
  const come = (): unknown => parts[0] && Promise.allSettled(parts.splice(0).map((fetch) => fetch())).then(come);
  idle(come);
}
