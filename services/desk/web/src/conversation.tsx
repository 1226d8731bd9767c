// The centre: tabs, header, at most one banner, the messages, the composer.
import { useState } from 'preact/hooks';
import type { ConversationView } from './types.gen';
import type { Action } from './desk';
import { appOf, clock, dayKey, long, nameOf, stamp } from './format';
import { said } from './i18n';
import { idOf, may, num, tabs, trouble, unread, windowOf } from './model';
import { loadDraft } from './prefs';
import { memo, useNow, useRoom } from './rt';
import { Timeline } from './timeline';
import { Composer } from './composer';
import { later } from './later';

const Company = later(() => import('./company').then((m) => m.Company));
const Ending = later(() => import('./ending').then((m) => m.Ending));
const WrapUp = later(() => import('./wrapup').then((m) => m.WrapUp));
const Confirm = later(() => import('./dialog').then((m) => m.Confirm));
const HandOver = later(() => import('./handover').then((m) => m.HandOver));
const CLOSING_MS = 2 * 3_600_000;

export function Conversation({ view, panel, onPanel }: { view: ConversationView | undefined; panel: boolean; onPanel: () => void }) {
  const { desk, t } = useRoom();
  const { notice } = desk.state;
  return (
    <main class="centre">
      <Tabs />
      {notice && (
        <div class="banner bad" role="alert">
          <span>{said(t, notice) ?? t.notNow}</span>
          <button class="plain" onClick={() => desk.set({ notice: '' })}>{t.dismiss}</button>
        </div>
      )}
      {!view && <NothingOpen />}
      {view && (
        <>
          <Header view={view} panel={panel} onPanel={onPanel} />
          <Company view={view} />
          <Ending />
          <Banner view={view} />
          <Timeline key={`log ${idOf(view)}`} view={view} />
          <Composer key={`pen ${idOf(view)}`} view={view} />
        </>
      )}
    </main>
  );
}

function NothingOpen() {
  const { desk, t } = useRoom();
  const down = desk.state.link === 'down';
  return (
    <>
      {down && <div class="banner bad" role="status">{t.offline}</div>}
      <div class="nothing-open"><span class="logo" aria-hidden="true" /><p>{desk.state.ready ? t.nothingOpen : t.loading}</p></div>
    </>
  );
}

function Tabs() {
  const { desk, t } = useRoom();
  const s = desk.state;
  const [wanted, ask] = useState('');
  const all = tabs(s);
  const asked = all.find((v) => idOf(v) === wanted);
  if (all.length === 0) return null;
  return (
    <div class="tabs" role="group" aria-label={t.tabs}>
      {all.map((v, i) => (
        <Tab
          key={idOf(v)} id={idOf(v)} name={nameOf(v, t)} unread={unread(s, v)} on={s.open === idOf(v)} alt={i < 9 ? i + 1 : 0}
          waits={v.phase === 'PHASE_WAITING'} parks={may(v, 'park')} ask={ask}
        />
      ))}
      {asked && <Confirm title={`${t.park}: ${nameOf(asked, t)}`} text={t.parkHint} yes={t.park} onYes={() => void desk.act('Park', asked)} onClose={() => ask('')} />}
    </div>
  );
}

interface TabProps { id: string; name: string; unread: number; on: boolean; alt: number; waits: boolean; parks: boolean; ask: (id: string) => void }

const Tab = memo(function Tab({ id, name, unread: n, on, alt, waits, parks, ask }: TabProps) {
  const { desk, t } = useRoom();
  const leave = () => (waits ? desk.unpeek(id) : parks && ask(id));
  return (
    <span class={`tab${on ? ' on' : ''}`} onAuxClick={(e) => e.button === 1 && leave()}>
      <button aria-current={on ? 'true' : undefined} title={alt ? `Alt ${alt}` : undefined} onClick={() => desk.show(id)}>
        <span class="name" dir="auto">{name}</span>
        {n > 0 && <span class="badge count">{n}<span class="sr"> {t.unread(n)}</span></span>}
      </button>
      {(waits || parks) && <button class="x" aria-label={`${waits ? t.close : t.park}: ${name}`} onClick={leave}>✕</button>}
    </span>
  );
});

const ACTIONS = [['Release', 'release'], ['Park', 'park'], ['End', 'end'], ['Resume', 'resume'], ['Close', 'close'], ['Leave', 'leave']] as const;
const HANDS = ['consult', 'transfer'] as const;

function Header({ view, panel, onPanel }: { view: ConversationView; panel: boolean; onPanel: () => void }) {
  const { desk, t } = useRoom();
  const [question, ask] = useState<Action | ''>('');
  const [wrapping, wrap] = useState(false);
  const [hand, setHand] = useState<'consult' | 'transfer' | ''>('');
  const s = desk.state;
  const id = idOf(view);

  const press = (a: Action) => {
    const unsent = a !== 'Resume' && (s.outbox.some((e) => e.ref.conversation === id) || !!loadDraft(s.me.agent ?? '', id)?.reply.trim());
    if (a === 'Release' || unsent) return ask(a);
    go(a);
  };
  const go = (a: Action) => {
    if (a !== 'Close' || !view.wrapUpForm) return void desk.act(a, view);
    desk.set({ notice: '' });
    wrap(true);
  };

  return (
    <header class="head">
      <button class="icon back" aria-label={t.back} onClick={() => desk.show('')}>←</button>
      <div class="title">
        <h1 dir="auto">{nameOf(view, t)}</h1>
        <p class="quiet">{[view.pageName, view.queue].filter(Boolean).join(' · ')}</p>
      </div>
      <div class="acts">
        {HANDS.filter((k) => may(view, k)).map((k) => (
          <button key={k} title={t[`${k}Hint`]} onClick={() => { desk.set({ notice: '' }); setHand(k); }}>{t[k]}</button>
        ))}
        {ACTIONS.filter(([, name]) => may(view, name)).map(([a, k]) => (
          <button
            key={a} class={k === 'end' ? 'danger' : k === 'close' || k === 'resume' ? 'primary' : ''}
            title={t[`${k}Hint`]} disabled={s.busy.has(`${a} ${id}`)} onClick={() => press(a)}
          >{t[k]}</button>
        ))}
        {view.part && view.supervise?.includes('join') && <button onClick={() => void desk.attend('Join', view)}>{t.join}</button>}
        <button class="icon only-narrow" aria-label={t.details} aria-expanded={panel} onClick={onPanel}>i</button>
      </div>
      {hand && <HandOver view={view} how={hand} onClose={() => setHand('')} />}
      {wrapping && <WrapUp view={view} onClose={() => wrap(false)} />}
      {question && (
        <Confirm
          title={question === 'Release' ? t.confirmRelease(nameOf(view, t)) : t.confirmDraft}
          text={question === 'Release' ? t.confirmReleaseText : t.confirmDraftText}
          yes={question === 'Release' ? t.release : t.goOn}
          onYes={() => go(question)} onClose={() => ask('')}
        />
      )}
    </header>
  );
}

// Banner is the one thing the agent must know before writing.
function Banner({ view }: { view: ConversationView }) {
  const { desk, t } = useRoom();
  const now = useNow(5_000);
  const w = windowOf(view, now);
  const live = view.phase === 'PHASE_ACTIVE' || view.phase === 'PHASE_OPEN';
  if (desk.state.link === 'down') return <div class="banner bad" role="status">{t.offline}</div>;
  const down = said(t, `pageDown_${trouble(desk.state, view)}`);
  if (down) return <div class="banner bad" role="status">{down}</div>;
  if (live && w.kind === 'closed') return <div class="banner bad" role="status">{t.windowClosed}</div>;
  if (view.owner) {
    return (
      <div class="banner warn" role="status">
        <span>{t.owned(appOf(view.owner.app, t))}</span>
        {may(view, 'take_control') && (
          <button disabled={desk.state.busy.has(`Take ${idOf(view)}`)} onClick={() => void desk.takeControl(view)}>{t.takeControl}</button>
        )}
      </div>
    );
  }
  if (live && w.left < CLOSING_MS) return <div class="banner warn" role="status">{t.windowClosing(long(w.left, t))}</div>;
  if (live && w.kind === 'human_agent') {
    return <div class="banner calm">{t.humanAgent(dayKey(w.until) === dayKey(now) ? clock(w.until, t) : stamp(w.until, t))}</div>;
  }
  if (view.phase === 'PHASE_WRAP_UP') {
    const due = num(view.dueMs) - now;
    return <div class="banner calm" role="status">{due > 0 ? t.wrapUpUntil(long(due, t)) : t.wrapUp}</div>;
  }
  if (view.phase === 'PHASE_WAITING') return <div class="banner calm" role="status">{t.parked}</div>;
  return null;
}
