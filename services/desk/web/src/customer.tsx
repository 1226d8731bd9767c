// What is known about the customer and the conversation, on the right.
import type { ConversationView } from './types.gen';
import { Copy } from './copy';
import { clock, hue, initial, nameOf, span, stamp } from './format';
import { num, windowOf } from './model';
import type { Words } from './i18n';
import { later } from './later';
import { useNow, useRoom } from './rt';

const ContactCard = later(() => import('./contact').then((m) => m.ContactCard));

export function CustomerPanel({ view, onClose }: { view: ConversationView; onClose: () => void }) {
  const { t } = useRoom();
  const now = useNow(20_000);
  const c = view.customer ?? {};
  const w = windowOf(view, now);
  const name = nameOf(view, t);
  return (
    <>
      <div class="person">
        <span class={`avatar big hue${hue(view)}`} aria-hidden="true">{initial(name)}</span>
        <h2 dir="auto">{name}</h2>
        <button class="icon only-narrow" aria-label={t.dismiss} onClick={onClose}>✕</button>
      </div>
      <h3>{t.conversation}</h3>
      <dl>
        <Fact label={t.state} value={t[view.phase ?? 'PHASE_UNSPECIFIED']} />
        <Fact label={t.page} value={view.pageName} />
        <Fact label={t.queue} value={view.queue} />
        <Fact label={t.opened} value={view.openedMs && stamp(num(view.openedMs), t)} />
        {view.queuedMs && view.phase === 'PHASE_OPEN' && <Fact label={t.wait} value={span(now - num(view.queuedMs))} />}
        {view.survey?.rating !== undefined && <Fact label={t.survey} value={`${view.survey.rating} / ${view.survey.highest}`} />}
        <Fact label={t.window} value={w.kind === 'closed' ? t.windowShut : stamp(w.until, t)} mark={w.kind === 'closed' ? 'red' : ''} />
      </dl>
      {!!view.variables?.length && (
        <>
          <h3>{t.known}</h3>
          <dl>{view.variables.map((v) => <Fact key={v.name} label={v.name ?? ''} value={v.value} />)}</dl>
        </>
      )}
      <h3>{t.person}</h3>
      <dl>
        <Fact label={t.locale} value={languageName(c.locale, t.lang)} />
        {c.timezone !== undefined && <Fact label={t.localTime} value={localTime(now, c.timezone, t)} />}
        <Psid psid={view.ref?.psid ?? ''} />
      </dl>
      {/* Last, since it comes when everything else is there already. */}
      <ContactCard key={view.ref?.conversation} view={view} />
    </>
  );
}

// localTime is the customer's time of day, from the offset Meta gives.
function localTime(now: number, zone: number, t: Words): string {
  return clock(now + zone * 3_600_000 + new Date(now).getTimezoneOffset() * 60_000, t);
}

function languageName(locale: string | undefined, lang: string): string {
  if (!locale) return '';
  try {
    return new Intl.DisplayNames(lang, { type: 'language' }).of(locale.split('_')[0]!) ?? locale;
  } catch {
    return locale;
  }
}

function Fact({ label, value, mark }: { label: string; value?: string; mark?: string }) {
  if (!value) return null;
  return <div><dt>{label}</dt><dd class={mark} dir="auto">{value}</dd></div>;
}

function Psid({ psid }: { psid: string }) {
  const { t } = useRoom();
  return (
    <div>
      <dt>{t.psid}</dt>
      <dd>{psid.slice(0, 4)}…{psid.slice(-4)} <Copy text={psid} /></dd>
    </div>
  );
}
