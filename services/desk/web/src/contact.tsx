// Who the customer is, what came before, and what it takes to help: loaded apart
// from the page.
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Consent, Contact, ContactCard as Card, ConversationView, GetCardResponse, PastConversation, SearchContactsResponse, Summary } from './types.gen';
import { Dialog } from './dialog';
import { nameOf, span, stamp } from './format';
import { said, type Words } from './i18n';
import { later } from './later';
import { rove } from './list';
import { num } from './model';
import { useRoom } from './rt';
import { Skills } from './skills';

const Earlier = later(() => import('./earlier').then((m) => m.Earlier));
const Labels = later(() => import('./labels').then((m) => m.Labels));
const TYPED_MS = 200;

export function ContactCard({ view }: { view: ConversationView }) {
  return <><Labels view={view} /><Known view={view} /><Skills view={view} /></>;
}

function Known({ view }: { view: ConversationView }) {
  const { desk, t } = useRoom();
  const [card, setCard] = useState<Card>();
  const [open, setOpen] = useState<'' | 'link' | 'merge' | 'edit'>('');
  const read = async () => {
    const [got] = (await desk.look({ GetCard: { ref: view.ref } }, 'Contact') ?? []) as GetCardResponse[];
    if (got?.card) setCard(got.card);
  };
  const busy = useRef(false);
  // What an agent did, and a new phase, may have changed it.
  useEffect(() => void read(), [view.ref?.conversation, view.phase]);
  const give = async (method: string, more: object) => {
    if (busy.current) return; // a second press would make a second contact
    busy.current = true;
    const got = await desk.ask<GetCardResponse>(method, { ref: view.ref, clientId: crypto.randomUUID(), ...more }, 'Contact');
    busy.current = false;
    if (got?.card) {
      setCard(got.card);
      setOpen('');
    } else {
      await read();
    }
  };
  if (!card) return null;
  const c = card.contact;
  const merged = card.merged?.at(-1);
  return (
    <section class="contact">
      <h3>{t.contact}</h3>
      {c && open === 'edit' && <Edit contact={c} onSave={(contact) => give('UpdateContact', { contact, paths: EDITED })} onClose={() => setOpen('')} />}
      {c && open !== 'edit' && (
        <dl>
          <Line label={t.fullName} value={c.name} />
          <Line label={t.emails} value={c.emails?.join(', ')} />
          <Line label={t.phones} value={c.phones?.join(', ')} />
          <Line label={t.company} value={c.company} />
          <Line label={t.notes} value={c.notes} />
          {Object.entries(c.fields ?? {}).map(([k, v]) => <Line key={k} label={k} value={v} />)}
        </dl>
      )}
      {c && card.link?.source === 'LINK_SOURCE_AUTOMATIC' && <p class="quiet">{t.bySelf}</p>}
      {!c && <p class="quiet">{card.link ? t.goneContact : t.noContact}</p>}
      {card.mayLink && open !== 'edit' && (
        <p class="links">
          {c && <button class="plain" onClick={() => setOpen('edit')}>{t.edit}</button>}
          <button class="plain" onClick={() => setOpen('link')}>{t.linkContact}</button>
          {!c && <button class="plain" onClick={() => give('CreateContact', { contact: {} })}>{t.createContact}</button>}
          {c && <button class="plain" onClick={() => setOpen('merge')}>{t.mergeContact}</button>}
          {merged && <button class="plain" onClick={() => give('UnmergeContact', { from: merged })}>{t.unmergeContact}</button>}
          {card.link && <button class="plain" onClick={() => give('UnlinkContact', {})}>{t.unlinkContact}</button>}
        </p>
      )}
      {(open === 'link' || open === 'merge') && (
        <Find
          view={view} merge={open === 'merge'} not={c?.id ?? ''} onClose={() => setOpen('')}
          onChoose={(id) => (open === 'merge' ? give('MergeContact', { from: id }) : give('LinkContact', { contact: id }))}
        />
      )}
      <Facts view={view} summary={card.summary ?? {}} />
    </section>
  );
}

const EDITED = ['name', 'emails', 'phones', 'company', 'notes'];

function Edit({ contact, onSave, onClose }: { contact: Contact; onSave: (c: Contact) => void; onClose: () => void }) {
  const { desk, t } = useRoom();
  const submit = (e: SubmitEvent) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement);
    const text = (name: string) => String(f.get(name) ?? '').trim();
    const list = (name: string) => text(name).split(/[,;]/).map((s) => s.trim()).filter(Boolean);
    onSave({ etag: contact.etag, name: text('name'), emails: list('emails'), phones: list('phones'), company: text('company'), notes: text('notes') });
  };
  const field = (name: string, label: string, value?: string) => (
    <label>{label}<input name={name} defaultValue={value ?? ''} dir="auto" autocomplete="off" required={name === 'name'} /></label>
  );
  return (
    <form class="edit" onSubmit={submit}>
      {desk.state.notice && <p class="wrong" role="alert">{said(t, desk.state.notice === 'INVALID_ARGUMENT' ? 'CONTACT_INVALID' : desk.state.notice) ?? t.notNow}</p>}
      {field('name', t.fullName, contact.name)}
      {field('emails', t.emails, contact.emails?.join(', '))}
      {field('phones', t.phones, contact.phones?.join(', '))}
      {field('company', t.company, contact.company)}
      <label>{t.notes}<textarea name="notes" rows={3} defaultValue={contact.notes ?? ''} dir="auto" /></label>
      <div class="buttons">
        <button type="button" onClick={onClose}>{t.cancel}</button>
        <button class="primary">{t.saveContact}</button>
      </div>
    </form>
  );
}

function Find(p: { view: ConversationView; merge: boolean; not: string; onChoose: (id: string) => void; onClose: () => void }) {
  const { desk, t } = useRoom();
  const [query, setQuery] = useState(p.merge ? '' : (p.view.customer?.name ?? ''));
  const [found, setFound] = useState<SearchContactsResponse>();
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    let left = false;
    const timer = setTimeout(async () => {
      const got = query.trim() ? await desk.ask<SearchContactsResponse>('SearchContacts', { ref: p.view.ref, query }, 'Contact') : {};
      if (!left && got) setFound(got);
    }, TYPED_MS);
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [query]);
  const shown = (found?.contacts ?? []).filter((c) => c.id !== p.not);
  return (
    <Dialog title={p.merge ? t.mergeContact : t.linkContact} onClose={p.onClose}>
      <form method="dialog" class="hand-over" onSubmit={(e) => { if (e.submitter !== close.current) e.preventDefault(); }}>
        {desk.state.notice && <p class="wrong" role="alert">{said(t, desk.state.notice) ?? t.notNow}</p>}
        {p.merge && <p class="quiet">{t.mergeLead}</p>}
        <input type="search" value={query} placeholder={t.findContact} aria-label={t.findContact} autoFocus onInput={(e) => setQuery(e.currentTarget.value)} />
        <ul class="targets" aria-label={t.contact} onKeyDown={rove}>
          {shown.map((c) => (
            <li key={c.id}>
              <button type="button" onClick={() => p.onChoose(c.id ?? '')}>
                <span class="name" dir="auto">{c.name}</span>
                <span class="quiet">{[c.emails?.[0], c.phones?.[0], c.company].filter(Boolean).join(' · ')}</span>
              </button>
            </li>
          ))}
          {found && shown.length === 0 && <li class="quiet none">{t.nobodyThere}</li>}
          {found?.more && <li class="quiet none">{t.moreContacts}</li>}
        </ul>
        <div class="buttons"><button ref={close} formNoValidate>{t.cancel}</button></div>
      </form>
    </Dialog>
  );
}

function Facts({ view, summary }: { view: ConversationView; summary: Summary }) {
  const { t } = useRoom();
  const [read, setRead] = useState<PastConversation>();
  const r = summary.referral;
  const previous = summary.previous ?? [];
  return (
    <>
      <h3>{t.summary}</h3>
      <dl>
        <Line label={t.hasWaited} value={span(num(summary.waitMs))} />
        {num(summary.handleMs) > 0 && <Line label={t.handled} value={span(num(summary.handleMs))} />}
        <Line label={t.cameBy} value={r && [r.source, r.ref, r.adTitle].filter(Boolean).join(' · ')} />
        <Line label={t.notice} value={summary.consent && noticed(summary.consent, t)} />
        {Object.entries(summary.variables ?? {}).map(([k, v]) => <Line key={k} label={k} value={v} />)}
      </dl>
      {previous.length > 0 && (
        <details>
          <summary>{t.earlier(summary.previousCount ?? 0)}</summary>
          <ul class="earlier">
            {previous.map((p) => (
              <li key={p.id}>
                {p.closedMs ? <button class="plain" onClick={() => setRead(p)}>{stamp(num(p.openedMs), t)}</button> : <>{stamp(num(p.openedMs), t)} <b>{t.stillOpen}</b></>}{' '}
                <span class="quiet" dir="auto">{about(p)}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {read && (
        <Earlier
          key={read.id} via={view.ref!} past={read.ref!} customer={nameOf(view, t)}
          title={`${nameOf(view, t)} · ${stamp(num(read.openedMs), t)}`} about={about(read)} onClose={() => setRead(undefined)}
        />
      )}
    </>
  );
}

const about = (p: PastConversation): string =>
  [p.pageName, p.queue, p.agentName, ...(p.dispositions ?? []), ...(p.labels ?? [])].filter(Boolean).join(' · ');

// noticed is what the customer said to the notice, or when it was told.
function noticed(c: Consent, t: Words): string {
  if (c.agreed === undefined) return stamp(num(c.toldMs), t);
  return c.agreed ? t.consent_given : t.consent_refused;
}

function Line({ label, value }: { label: string; value?: string }) {
  if (!value) return null;
  return <div><dt>{label}</dt><dd dir="auto">{value}</dd></div>;
}
