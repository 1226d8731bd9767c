// The page: who is signed in decides what is shown.
import { render } from 'preact';
import { useEffect, useMemo, useReducer, useState } from 'preact/hooks';
import { Desk } from './desk';
import { words } from './i18n';
import { dress, langChosen, loadPrefs, savePrefs, type Prefs } from './prefs';
import { RoomContext, useRoom, type Room } from './rt';
import { SignIn } from './signin';
import { TopBar } from './topbar';
import { WorkList } from './list';
import { Conversation } from './conversation';
import { Offers } from './offers';
import { CustomerPanel } from './customer';
import { Help } from './help';
import { useAlerts } from './alerts';
import { useKeys } from './keys';
import { mine, unread } from './model';

function Root({ desk }: { desk: Desk }) {
  const [, draw] = useReducer((n: number) => n + 1, 0);
  const [prefs, setAll] = useState(loadPrefs);
  useEffect(() => desk.subscribe(() => draw(undefined)), [desk]);
  useEffect(() => dress(prefs), [prefs]);
  const wanted = desk.state.me.language;
  useEffect(() => {
    if ((wanted === 'bg' || wanted === 'en') && !langChosen()) setAll((p) => ({ ...p, lang: wanted }));
  }, [wanted]);
  const room = useMemo<Room>(() => ({
    desk, prefs, t: words[prefs.lang],
    setPrefs: (change: Partial<Prefs>) => {
      const next = { ...prefs, ...change };
      savePrefs(next);
      setAll(next);
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
    <div class="desk" data-open={view ? 'yes' : 'no'} data-panel={panel ? 'yes' : 'no'}>
      <TopBar onHelp={() => setHelp(true)} />
      <WorkList />
      <Offers />
      <Conversation view={view} onPanel={() => setPanel(!panel)} panel={panel} />
      <aside class="panel" aria-label={t.details}>
        {view && <CustomerPanel view={view} onClose={() => setPanel(false)} />}
      </aside>
      {help && <Help onClose={() => setHelp(false)} />}
    </div>
  );
}

// openDesk draws the page and asks who is signed in.
export function openDesk(): void {
  const desk = new Desk();
  render(<Root desk={desk} />, document.getElementById('desk')!);
  void desk.begin();
}
