// The page: who is signed in decides what is shown.
import { render } from 'preact';
import { useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { Desk } from './desk';
import { speak, words } from './i18n';
import { dress, langChosen, loadPrefs, savePrefs, type Prefs } from './prefs';
import { RoomContext, useRoom, type Room } from './rt';
import { SignIn } from './signin';
import { Line } from './timeline';
import { TopBar } from './topbar';
import { WorkList } from './list';
import { Conversation } from './conversation';
import { Offers } from './offers';
import { later, preload } from './later';
import { useAlerts } from './alerts';
import { useKeys } from './keys';
import { mine, unread } from './model';

const CustomerPanel = later(() => import('./customer').then((m) => m.CustomerPanel));
const Floor = later(() => import('./floor').then((m) => m.Floor));
const Help = later(() => import('./help').then((m) => m.Help));
const AGAIN_MS = 2_000;

function Root({ desk }: { desk: Desk }) {
  const [, draw] = useReducer((n: number) => n + 1, 0);
  const [prefs, setAll] = useState(loadPrefs);
  useEffect(() => desk.subscribe(() => draw(undefined)), [desk]);
  useEffect(() => dress(prefs), [prefs]);
  const wanted = desk.state.me.language;
  useEffect(() => {
    if ((wanted === 'bg' || wanted === 'en') && !langChosen()) void speak(wanted).then(() => setAll((p) => ({ ...p, lang: wanted })), () => undefined);
  }, [wanted]);
  const room = useMemo<Room>(() => ({
    desk, prefs, t: words(prefs.lang)!, Line,
    setPrefs: (change: Partial<Prefs>) => {
      const next = { ...prefs, ...change };
      savePrefs(next);
      void speak(next.lang).then(() => setAll(next), () => desk.set({ notice: 'LANGUAGE' }));
    },
  }), [desk, prefs]);
  return (
    <RoomContext.Provider value={room}>
      {desk.state.session === 'in' ? <DeskPage /> : <SignIn />}
    </RoomContext.Provider>
  );
}

function DeskPage() {
  const { desk, t } = useRoom();
  const s = desk.state;
  const [help, setHelp] = useState(false);
  const [panel, setPanel] = useState(false);
  useAlerts();
  useKeys(() => setHelp(true));
  const count = mine(s).reduce((n, v) => n + unread(s, v), 0);
  useEffect(() => {
    document.title = count ? `(${count}) ${t.product}` : t.product;
    const dot = count ? '<circle cx="24" cy="8" r="8" fill="%23e02424"/>' : '';
    document.getElementById('icon')?.setAttribute('href',
      `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M4 5h24v17H15l-7 6v-6H4z" fill="%230b5cd8"/>${dot}</svg>`);
  }, [count, t]);
  const view = s.views.get(s.open);
  return (
    <div class="desk" data-place={s.place} data-open={view ? 'yes' : 'no'} data-panel={panel ? 'yes' : 'no'}>
      <TopBar onHelp={setHelp} />
      <Offers />
      {s.place === 'floor' ? <Floor /> : (
        <>
          <WorkList />
          <Conversation view={view} onPanel={() => setPanel(!panel)} panel={panel} />
          <aside class="panel" aria-label={t.details}>
            {view && <CustomerPanel view={view} onClose={() => setPanel(false)} />}
          </aside>
        </>
      )}
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  );
}

// openDesk draws the page and asks who is signed in; script is its address.
export async function openDesk(script: string): Promise<void> {
  try {
    await speak(loadPrefs().lang);
  } catch {
    // Served by a newer house than the page was: that one has the whole page.
    setTimeout(() => location.reload(), AGAIN_MS);
    return;
  }
  const desk = new Desk(script);
  render(<Root desk={desk} />, document.getElementById('desk')!);
  await desk.begin();
  preload();
}
