// The set-up page, for administrators: a page of its own, of which agents load
// nothing.
import { render } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { languages, type Lang } from '../fill';
import { later, preload } from '../later';
import { dress, loadPrefs, savePrefs, type Prefs } from '../prefs';
import type { Me } from '../types.gen';
import { look, post, Trouble, type Kind, type Thing, type World } from './admin';
import { Channels } from './channels';
import { List, One } from './editor';
import { Open } from './hours';
import { may, RoomContext, said, speak, Told, type Room, type Words } from './room';
import { Wizard } from './wizard';

// What nobody opens the page for first is loaded once it is there.
const Audit = later(() => import('./audit').then((m) => m.Audit));
const Bench = later(() => import('./bench').then((m) => m.Bench));
const Clients = later(() => import('./clients').then((m) => m.Clients));
const History = later(() => import('./history').then((m) => m.History));
const System = later(() => import('./system').then((m) => m.System));

const SESSION = '/parley.desk.v1.SessionService/';
const AGAIN_MS = 3_000;

// PLACES are the screens of lists, and the kind of each.
const PLACES: Record<string, Kind> = {
  workstreams: 'workstream', queues: 'queue', rules: 'ruleset', hours: 'schedule', messages: 'automatedMessage', replies: 'cannedReply', notifications: 'notificationTemplate', agents: 'agent',
  skills: 'skill', profiles: 'capacityProfile', statuses: 'status', accounts: 'channelAccount', channels: 'page',
};
const MENU = ['wizard', 'channels', 'workstreams', 'queues', 'rules', 'hours', 'messages', 'replies', 'notifications', 'agents', 'clients', 'history', 'audit', 'system'] as const;
// NEEDS are the permissions without which a screen shows nothing; of others it is to
// read the configuration.
const NEEDS: Record<string, string> = { wizard: 'config.write', channels: 'operate.read', system: 'operate.read', audit: 'audit.read', clients: 'client.manage' };
const BESIDE: Record<string, string[]> = { agents: ['agents', 'skills', 'profiles', 'statuses'], channels: ['channels', 'accounts'] };

const path = (): string[] => location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);

function Root() {
  const [prefs, setPrefs] = useState<Prefs>(loadPrefs);
  const [t, setWords] = useState<Words>();
  const [me, setMe] = useState<Me | null>();
  const [why, setWhy] = useState('');
  useEffect(() => dress(prefs), [prefs]);
  useEffect(() => void speak(prefs.lang).then(setWords, () => setTimeout(() => location.reload(), AGAIN_MS)), [prefs.lang]);
  useEffect(() => {
    let timer = 0;
    const who = () => void post<{ me?: Me }>(`${SESSION}WhoAmI`, {}).then((got) => setMe(got.me ?? null), (e: Trouble) => {
      if (e.over) return setMe(null);
      setWhy('AWAY');
      timer = setTimeout(who, AGAIN_MS) as unknown as number;
    });
    who();
    return () => clearTimeout(timer);
  }, []);
  const choose = (change: Partial<Prefs>) => {
    const next = { ...prefs, ...change };
    savePrefs(next);
    setPrefs(next);
  };
  if (!t) return null;
  if (me === undefined) return <main class="door"><h1 class="sr">{t.title}</h1><p class="quiet" role="status">{said(t, why) ?? t.loading}</p></main>;
  const leave = () => void post(`${SESSION}SignOut`, {}).catch(() => undefined).then(() => setMe(null));
  if (me === null) return <Door t={t} prefs={prefs} choose={choose} onMe={setMe} />;
  if (!may(me, 'config.read')) return <Refused t={t} me={me} leave={leave} />;
  return <SetUp t={t} me={me} prefs={prefs} choose={choose} leave={leave} />;
}

interface Frame { t: Words; prefs: Prefs; choose: (p: Partial<Prefs>) => void }

function Door({ t, prefs, choose, onMe }: Frame & { onMe: (me: Me) => void }) {
  const [trouble, setTrouble] = useState<Trouble>();
  const { sso, closed } = document.getElementById('desk')!.dataset;
  const enter = (e: SubmitEvent) => {
    e.preventDefault();
    const data = new FormData(e.currentTarget as HTMLFormElement);
    void post<{ me?: Me }>(`${SESSION}SignIn`, { agent: String(data.get('agent')).trim(), password: String(data.get('password')) })
      .then(({ me }) => onMe(me ?? {}), setTrouble);
  };
  const wrong = trouble && (said(t, trouble.code === 'invalid_argument' ? 'WRONG_PASSWORD' : trouble.reason) ?? t.wentWrong);
  return (
    <main class="door">
      <div class="card">
        <h1><span class="logo" aria-hidden="true" />{t.title}</h1>
        <form onSubmit={enter}>
          <p class="quiet">{t.signInLead}</p>
          {sso && <button type="button" class="primary" onClick={() => location.assign('/sso?to=setup')}>{t.signIn}: {sso}</button>}
          {!closed && <>
            <label>{t.name}<input name="agent" autocomplete="username" autocapitalize="none" spellcheck={false} required /></label>
            <label>{t.f_password}<input name="password" type="password" autocomplete="current-password" required /></label>
            {wrong && <p class="wrong" role="alert">{wrong}</p>}
            <button class="primary">{t.signIn}</button>
          </>}
        </form>
        <Languages prefs={prefs} choose={choose} />
      </div>
    </main>
  );
}

const Languages = ({ prefs, choose }: Omit<Frame, 't'>) => (
  <p class="langs">
    {languages.map((l: Lang) => <button key={l} class="plain" lang={l} aria-pressed={prefs.lang === l} onClick={() => choose({ lang: l })}>{l === 'bg' ? 'Български' : 'English'}</button>)}
  </p>
);

// Refused is for who answers customers, and neither sets anything up nor looks after it.
const Refused = ({ t, me, leave }: { t: Words; me: Me; leave: () => void }) => (
  <main class="door">
    <div class="card refused">
      <h1><span class="logo" aria-hidden="true" />{t.title}</h1>
      <p role="alert">{t.notForYou(me.displayName || me.agent || '')}</p>
      <p class="buttons"><a class="button primary" href="/">{t.toDesk}</a><button onClick={leave}>{t.signOut}</button></p>
    </div>
  </main>
);

function SetUp({ t, me, prefs, choose, leave }: Frame & { me: Me; leave: () => void }) {
  const [world, setWorld] = useState<World>();
  const [trouble, setTrouble] = useState<Trouble>();
  const [at, setAt] = useState(path);
  const head = useRef<HTMLHeadingElement>(null);
  // A world in which nothing changed stays the same one: nothing is drawn for it.
  const reload = useCallback(async () => {
    const now = await look();
    setWorld((was) => (JSON.stringify(was) === JSON.stringify(now) ? was : now));
  }, []);
  useEffect(() => {
    let was = path()[0];
    const moved = () => {
      const now = path();
      setAt(now);
      scrollTo(0, 0);
      if (now[0] !== was) head.current?.focus({ preventScroll: true });
      was = now[0];
      void reload().catch(() => undefined);
    };
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  useEffect(() => {
    let timer = 0;
    const first = () => void reload().then(() => setTrouble(undefined), (e: Trouble) => {
      setTrouble(e);
      timer = setTimeout(first, AGAIN_MS) as unknown as number;
    });
    first();
    return () => clearTimeout(timer);
  }, []);
  const open = (screen: string) => may(me, NEEDS[screen] ?? 'config.read');
  const place = at[0] || (world && !world.page.length && open('wizard') ? 'wizard' : MENU.find((m) => m !== 'wizard' && open(m)) ?? '');
  useEffect(() => { document.title = `${said(t, `p_${place}`) ?? said(t, `ks_${PLACES[place]}`) ?? t.title} · ${t.title}`; }, [place, t]);
  useEffect(preload, []);
  const room: Room = { t, me, world: world!, reload };
  return (
    <RoomContext.Provider value={room}>
      <div class="setup">
        <header class="bar">
          <span class="brand"><span class="logo" aria-hidden="true" />{t.title}</span>
          <a href="/" class="quiet">{t.toDesk}</a>
          <Languages prefs={prefs} choose={choose} />
          <select class="narrow" aria-label={t.theme} value={prefs.theme} onChange={(e) => choose({ theme: e.currentTarget.value as Prefs['theme'] })}>
            {(['auto', 'light', 'dark'] as const).map((x) => <option key={x} value={x}>{t[x]}</option>)}
          </select>
          <button onClick={leave}>{t.signOut}<span class="sr">: {me.displayName || me.agent}</span></button>
        </header>
        <nav class="places" aria-label={t.places}>
          {MENU.filter(open).map((m) => <a key={m} href={`#/${m}`} aria-current={m === place || BESIDE[m]?.includes(place) ? 'page' : undefined}>{t[`p_${m}`]}</a>)}
        </nav>
        <main>
          <h1 class="sr" ref={head} tabIndex={-1}>{said(t, `p_${place}`) ?? said(t, `ks_${PLACES[place]}`) ?? t.title}</h1>
          {world ? open(place) ? <Screen at={[place, ...at.slice(1)]} /> : <p role="alert">{t.PERMISSION_MISSING}</p> : trouble ? <Told trouble={trouble} /> : <p class="quiet" role="status">{t.loading}</p>}
        </main>
      </div>
    </RoomContext.Provider>
  );
}

function Screen({ at: [place = '', id = '', step = ''] }: { at: string[] }) {
  if (place === 'wizard') return <Wizard id={id} step={step} />;
  if (place === 'clients') return <Clients />;
  if (place === 'history') return <History />;
  if (place === 'audit') return <Audit key={id} />;
  if (place === 'system') return <System />;
  const kind = PLACES[place];
  if (!kind) return <Channels />;
  const more = place === 'rules' ? { live: true, beside: (r: Thing) => <Bench ruleset={r} /> }
    : place === 'hours' ? { live: true, beside: (s: Thing) => <Open schedule={s} /> } : {};
  if (id) return <One key={`${place}/${id}`} kind={kind} id={id} path={place} {...more} />;
  if (place === 'channels') return <Channels />;
  return <><Beside place={place} /><List kind={kind} path={place} /></>;
}

// Beside are the lists that go with one.
function Beside({ place }: { place: string }) {
  const all = Object.values(BESIDE).find((list) => list.includes(place) && list[0] === 'agents');
  return (
    <RoomContext.Consumer>
      {({ t }) => all ? <p class="beside">{all.map((p) => <a key={p} href={`#/${p}`} aria-current={p === place ? 'page' : undefined}>{said(t, `ks_${PLACES[p]}`)}</a>)}</p> : null}
    </RoomContext.Consumer>
  );
}

render(<Root />, document.getElementById('desk')!);
