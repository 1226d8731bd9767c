// What the views share: the desk and the words by context, clocks, memo.
import { Component, createContext, type ComponentChildren, type FunctionComponent } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { Desk } from './desk';
import type { Words } from './i18n';
import type { Prefs } from './prefs';
import type { Line } from './timeline';

export interface Room {
  desk: Desk;
  t: Words;
  prefs: Prefs;
  setPrefs: (p: Partial<Prefs>) => void;
  // Line draws an item for parts that are loaded apart: one that imported it would cut
  // what the page begins with in two, which weighs more.
  Line: typeof Line;
}

export const RoomContext = createContext<Room>({
  desk: undefined as unknown as Desk, t: undefined as unknown as Words, prefs: { lang: 'en', theme: 'auto', sound: true }, setPrefs: () => undefined, Line: undefined as unknown as typeof Line,
});

export const useRoom = (): Room => useContext(RoomContext);

// useNow gives the server's time and draws again every ms.
export function useNow(ms: number): number {
  const { desk } = useRoom();
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return desk.now();
}

// memo draws a component again only when one of its props is another value.
export function memo<P extends object>(Inner: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    shouldComponentUpdate(next: P): boolean {
      const a = this.props as Record<string, unknown>;
      const b = next as Record<string, unknown>;
      const keys = Object.keys(b);
      return keys.length !== Object.keys(a).length || keys.some((k) => a[k] !== b[k]);
    }
    render(): ComponentChildren {
      return <Inner {...(this.props as P)} />;
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}
