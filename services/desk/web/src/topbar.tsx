// The bar on top: the link, the agent's presence, settings.
import { useRef, useState } from 'preact/hooks';
import type { Presence } from './types.gen';
import { beep } from './alerts';
import { clock, initial } from './format';
import { said } from './i18n';
import { answers, supervises } from './model';
import { memo, useRoom } from './rt';

const CHOICES: Presence[] = ['PRESENCE_AVAILABLE', 'PRESENCE_BUSY', 'PRESENCE_DO_NOT_DISTURB', 'PRESENCE_AWAY', 'PRESENCE_OFFLINE'];

export function TopBar({ onHelp }: { onHelp: (on: boolean) => void }) {
  const { desk, t } = useRoom();
  const s = desk.state;
  const link = s.link === 'signed_out' ? 'down' : s.link;
  const inactive = s.standing.presence === 'PRESENCE_INACTIVE';
  return (
    <header class="top">
      <div class="bar">
        <span class="brand"><span class="logo" aria-hidden="true" />{t.product}</span>
        <span class={`pill ${link}`} role="status" title={s.linkSince ? t.since(clock(s.linkSince, t)) : ''}>
          <i class="dot" aria-hidden="true" /><span>{t[link]}</span>
        </span>
        {supervises(s.me) && (
          <span class="seg places" role="group" aria-label={t.switchView}>
            {(['desk', 'floor'] as const).map((p) => <button key={p} aria-pressed={s.place === p} onClick={() => desk.go(p)}>{t[p]}</button>)}
          </span>
        )}
        {answers(s.me) && <PresenceSelect />}
        <Menu onHelp={onHelp} />
      </div>
      {said(t, s.linkWhy) && <div class="banner warn" role="alert"><span>{said(t, s.linkWhy)}</span></div>}
      {inactive && (
        <div class="banner warn" role="alert">
          <span>{t.missed}</span>
          <button onClick={() => desk.setPresence('PRESENCE_AVAILABLE')}>{t.setAvailable}</button>
        </div>
      )}
    </header>
  );
}

function PresenceSelect() {
  const { desk, t } = useRoom();
  const { standing, ready, me } = desk.state;
  const presence = standing.presence ?? 'PRESENCE_UNSPECIFIED';
  const shown = CHOICES.includes(presence) ? CHOICES : [presence, ...CHOICES];
  const statuses = me.statuses ?? [];
  const status = statuses.find((x) => x.id === standing.status);
  const load = standing.capacity ? t.load(standing.used ?? 0, standing.capacity) : '';
  return (
    <span class="presence" data-presence={presence} title={said(t, standing.source ?? '')}>
      {load && <span class="load" title={load}>{standing.used ?? 0}/{standing.capacity}<span class="sr"> {load}</span></span>}
      <span class="sel"><i class="dot" aria-hidden="true" /><select
        aria-label={t.presence}
        value={status ? `${presence} ${status.id}` : presence}
        disabled={!ready}
        onChange={(e) => desk.setPresence(e.currentTarget.value)}
      >
        {shown.map((p) => <option key={p} value={p} disabled={!CHOICES.includes(p)}>{t[p]}</option>)}
        {statuses.map((x) => <option key={x.id} value={`${x.base} ${x.id}`} title={x.description}>{x.name}</option>)}
      </select></span>
    </span>
  );
}

const Menu = memo(function Menu({ onHelp }: { onHelp: (on: boolean) => void }) {
  const { desk, t, prefs, setPrefs } = useRoom();
  const { me } = desk.state;
  const name = me.displayName || me.agent || '';
  const menu = useRef<HTMLDivElement>(null);
  return (
    <>
      <button class="icon" onClick={() => onHelp(true)} aria-label={t.help} title={`${t.help} (?)`}>?</button>
      <button class="me" popovertarget="menu" aria-label={`${t.settings}: ${name}`} title={name}>{initial(name)}</button>
      <div class="menu" id="menu" popover="auto" ref={menu}>
        <p class="who"><b>{name}</b><span class="quiet">{me.agent}</span></p>
        <Choice label={t.language} value={prefs.lang} options={[['bg', 'Български'], ['en', 'English']]} onPick={(lang) => setPrefs({ lang })} />
        <Choice label={t.theme} value={prefs.theme} options={[['auto', t.auto], ['light', t.light], ['dark', t.dark]]} onPick={(theme) => setPrefs({ theme })} />
        <Choice label={t.sound} value={prefs.sound ? 'on' : 'off'} options={[['on', t.on], ['off', t.off]]} onPick={(v) => setPrefs({ sound: v === 'on' })}>
          <button class="plain" onClick={() => void beep()}>{t.test}</button>
        </Choice>
        <Notifications />
        {me.roles?.includes('admin') && <a href="/setup">{t.setUp}</a>}
        <button class="wide" onClick={() => void desk.signOut()}>{t.signOut}</button>
        <button class="plain" onClick={() => void desk.signOut('SignOutEverywhere')}>{t.signOutAll}</button>
      </div>
    </>
  );
});

function Choice<V extends string>(p: {
  label: string; value: V; options: [V, string][]; onPick: (v: V) => void; children?: preact.ComponentChildren;
}) {
  return (
    <div class="choice" role="group" aria-label={p.label}>
      <span class="label">{p.label}{p.children}</span>
      <span class="seg">
        {p.options.map(([v, text]) => (
          <button key={v} aria-pressed={p.value === v} onClick={() => p.onPick(v)}>{text}</button>
        ))}
      </span>
    </div>
  );
}

function Notifications() {
  const { t } = useRoom();
  const [state, setState] = useState(() => ('Notification' in window ? Notification.permission : 'denied'));
  return (
    <div class="choice">
      <span class="label">{t.notifications}</span>
      {state === 'default'
        ? <button onClick={() => void Notification.requestPermission().then(setState)}>{t.allow}</button>
        : <span class="quiet">{state === 'granted' ? t.allowed : t.blocked}</span>}
    </div>
  );
}
