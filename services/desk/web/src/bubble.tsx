// One message, as a bubble; or one line about what the house did.
import type { ConversationRef, TimelineItem } from './types.gen';
import type { LinkState } from './link';
import type { Entry } from './outbox';
import { Attachments } from './attachments';
import { toComposer } from './composer';
import { appOf, clock, INBOX, pieces, span } from './format';
import { said, word, type Words } from './i18n';
import { later } from './later';
import { num } from './model';
import { memo, useNow, useRoom } from './rt';

const Offered = later(() => import('./offered').then((m) => m.Offered));

interface BubbleProps {
  item: TimelineItem;
  quoted: TimelineItem | undefined;
  conversation: ConversationRef;
  customer: string;
  first: boolean;
  last: boolean;
  // It belongs to the conversation that is open, not to an earlier one.
  current: boolean;
  // The agent may write to the customer.
  sends: boolean;
}

export const Bubble = memo(function Bubble({ item, quoted, conversation, customer, first, last, current, sends }: BubbleProps) {
  const { desk, t } = useRoom();
  const me = desk.state.me.agent;
  const side = { AUTHOR_CUSTOMER: 'in', AUTHOR_AUTOMATED: 'out auto', AUTHOR_BOT: 'out auto', AUTHOR_NOTE: item.details?.consult ? 'note advice' : 'note' }[item.author as string] ?? (item.author === 'AUTHOR_EXTERNAL' ? 'out other' : 'out');
  const failed = item.delivery === 'DELIVERY_FAILED';
  return (
    <div class={`msg ${side}${first ? ' first' : ''}${last ? ' last' : ''}${current ? '' : ' past'}${failed ? ' bad' : ''}`} data-delivery={item.delivery}>
      {first && <p class="by" dir="auto">{speaker(item, customer, me, t)}</p>}
      <div class={item.sticker ? 'bubble sticker' : 'bubble'}>
        {item.replyTo && <p class="quote" dir="auto"><span class="sr">{t.answered} </span>{quoted ? quoted.text || t.aMessage : t.aMessage}</p>}
        {item.unsent ? <p class="gone">{t.unsent}</p> : <Body item={item} conversation={conversation} />}
        {item.ourReaction && <span class="reaction" title={t.ourReaction}>{item.ourReaction}</span>}
        {item.reaction && <span class="reaction" title={t.reacted(item.reaction)}><span class="sr">{t.reacted('')}</span>{item.reaction}</span>}
      </div>
      {item.quickReplies && <Offered item={item} under />}
      {(last || item.delivery || item.edited || item.late || item.recovered || item.details?.standby) && <Foot item={item} />}
      {item.author === 'AUTHOR_CUSTOMER' && current && sends && item.id && !item.unsent && <Answers item={item} conversation={conversation} />}
      {item.author === 'AUTHOR_AGENT' && current && <Choices item={item} conversation={conversation} />}
    </div>
  );
});

function speaker(item: TimelineItem, customer: string, me: string | undefined, t: Words): string {
  if (item.author === 'AUTHOR_CUSTOMER') return customer;
  if (item.author === 'AUTHOR_EXTERNAL') return item.details?.app_id === INBOX ? t.inbox : t.pageElsewhere;
  if (item.author === 'AUTHOR_AUTOMATED') return [t.automatic, said(t, `auto_${item.details?.trigger}`)].filter(Boolean).join(' · ');
  if (item.author === 'AUTHOR_BOT') return t.bot;
  const who = item.agent === me ? t.you : item.agentName || item.agent || t.automatic;
  return item.author === 'AUTHOR_NOTE' ? `${item.details?.consult ? t.consult : t.note} · ${who}` : who;
}

function Body({ item, conversation }: { item: TimelineItem; conversation: ConversationRef }) {
  const { t } = useRoom();
  const d = item.details ?? {};
  const files = item.attachments?.length ? <Attachments item={item} conversation={conversation} /> : null;
  const first = item.author === 'AUTHOR_AGENT'; // files of agents leave before their text
  return (
    <>
      {first && files}
      {d.pressed && <p class="tag">{t.pressed}{!item.text && d.postback ? `: ${d.postback}` : ''}</p>}
      {item.text && <Text text={item.text} />}
      {item.template && <Offered item={item} />}
      {!first && files}
      {d.unsupported && <p class="gone">{t.unsupportedMessage}</p>}
      {!item.text && !item.attachments?.length && !d.unsupported && !d.pressed && <p class="gone">{t.noText}</p>}
    </>
  );
}

export function Text({ text }: { text: string }) {
  return (
    <p class="text" dir="auto">
      {pieces(text).map((p, i) => (p.href
        ? <a key={i} dir="ltr" href={p.href} target="_blank" rel="noopener noreferrer nofollow ugc">{p.text}</a>
        : p.text))}
    </p>
  );
}

const MARKS: Record<string, [string, keyof Words]> = {
  DELIVERY_SENDING: ['○', 'sending'], DELIVERY_SENT: ['✓', 'sent'], DELIVERY_DELIVERED: ['✓✓', 'delivered'], DELIVERY_READ: ['✓✓', 'read'],
  DELIVERY_FAILED: ['!', 'failed'], DELIVERY_UNCERTAIN: ['…', 'uncertain'], DELIVERY_ABANDONED: ['–', 'abandoned'],
};

function Foot({ item }: { item: TimelineItem }) {
  const { t } = useRoom();
  const [mark, name] = MARKS[item.delivery ?? ''] ?? [];
  const waits = item.delivery === 'DELIVERY_SENDING' && item.reason;
  const more = [item.edited && t.edited, item.recovered ? t.recovered : item.late && t.late, item.details?.standby && t.standby].filter(Boolean);
  return (
    <p class="foot">
      {item.delivery === 'DELIVERY_FAILED' && item.reason && <span class="why">{word(t, item.reason)} · </span>}
      {more.length > 0 && <span>{more.join(' · ')} · </span>}
      <time>{clock(num(item.atMs), t)}</time>
      {name && !waits && <span class="state"> · <span aria-hidden="true">{mark}</span> {t[name] as string}</span>}
      {waits && <Waits reason={waits} retryMs={num(item.details?.retry_ms)} parked={!!item.details?.parked} />}
    </p>
  );
}

// Waits says why a message has not left yet, and when it is tried again; one that
// is parked waits for its page.
function Waits({ reason, retryMs, parked }: { reason: string; retryMs: number; parked: boolean }) {
  const { t } = useRoom();
  const left = retryMs - useNow(1_000);
  return <span class="waits"> · {t.waits}: {word(t, reason)}{!parked && ` · ${left > 0 ? t.nextTry(span(left)) : t.sending}`}</span>;
}

// Choices are what the agent may do about a message whose fate is bad, or not known
// yet: what is written behind one waits for it.
function Choices({ item, conversation }: { item: TimelineItem; conversation: ConversationRef }) {
  const { desk, t } = useRoom();
  const open = item.delivery === 'DELIVERY_UNCONFIRMED', doubt = item.delivery === 'DELIVERY_UNCERTAIN';
  if (!open && !doubt && item.delivery !== 'DELIVERY_FAILED') return null;
  return (
    <div class="choices" onClick={toComposer}>
      {open && <span class="why">{t.unconfirmed}</span>}
      {!doubt && <button onClick={() => desk.resend(conversation, item)}>{t.sendAgain}</button>}
      {(open || doubt) && <button onClick={() => desk.abandon(conversation, item)}>{doubt ? t.noWait : t.leaveIt}</button>}
    </div>
  );
}

// Answers are what the agent may do with a message of the customer's: quote it,
// or react to it.
function Answers({ item, conversation }: { item: TimelineItem; conversation: ConversationRef }) {
  const { desk, t } = useRoom();
  return (
    <div class="answers">
      <button title={t.quote} aria-label={t.quote} onClick={() => { desk.quote(conversation, item); toComposer(); }}>↩</button>
      {['👍', '❤', '😆'].map((e) => (
        <button key={e} title={t.react(e)} aria-label={t.react(e)} aria-pressed={item.ourReaction === e} onClick={() => desk.react(conversation, item.id!, item.ourReaction === e ? '' : e)}>{e}</button>
      ))}
    </div>
  );
}

// Draft is something of the outbox: written here, not yet with the desk.
export const Draft = memo(function Draft({ entry, link }: { entry: Entry; link: LinkState }) {
  const { desk, t } = useRoom();
  const failed = entry.state === 'failed';
  const noted = entry.kind === 'note' || entry.kind === 'confer';
  const status = failed ? t.failed : link === 'down' ? t.waitingLink : noted ? t.saving : t.sending;
  return (
    <div class={`msg ${noted ? 'note' : 'out'}${entry.kind === 'confer' ? ' advice' : ''} first last${failed ? ' bad' : ' going'}`} data-outbox={entry.state}>
      <div class="bubble">
        {entry.files?.map((f) => <p key={f.id} dir="auto">📎 {f.name}</p>)}
        {entry.text && <Text text={entry.text} />}
      </div>
      <p class="foot">
        <time>{clock(entry.atMs, t)}</time>
        <span class="state"> · {failed ? '!' : '○'} {status}</span>
        {failed && <span class="why"> · {entry.error ? word(t, entry.error) : t.noAnswer}</span>}
      </p>
      {(failed || link === 'down') && (
        <div class="choices" onClick={toComposer}>
          {failed && <button onClick={() => desk.retry(entry)}>{t.retry}</button>}
          <button onClick={() => desk.discard(entry)}>{t.discard}</button>
        </div>
      )}
    </div>
  );
});

export function SystemLine({ item, me }: { item: TimelineItem; me: string }) {
  const { t } = useRoom();
  return <p class="sys"><span dir="auto">{sentence(item, me, t)}</span> <time>{clock(num(item.atMs), t)}</time></p>;
}

// sentence puts a machine word and its values into words.
export function sentence(item: TimelineItem, me: string, t: Words): string {
  const d = item.details ?? {};
  const who = item.agent || d.agent || '';
  const name = item.agentName || who;
  switch (item.text) {
    case 'conversation_routed':
      return t.conversation_routed(d.queue_name || d.queue || '');
    case 'conversation_classified':
      return t.conversation_classified([d.priority && t.priority(d.priority), d.skills, d.variables].filter(Boolean).join(' · '));
    case 'offer_ended':
      return said(t, d.outcome ?? '') ?? t.revoked;
    case 'agent_assigned':
      if (d.by) return t.agent_given(d.by_name || d.by, name);
      if (who === me) return t.agent_assigned_you;
      return d.cause === 'resumed' ? t.agent_resumed(name) : t.agent_assigned(name);
    case 'conversation_released':
      if (d.cause === 'disconnected') return t.released_away;
      if (d.prefer) return t.handed_to(d.by_name || d.by || '', d.prefer_name || d.prefer);
      return d.cause === 'transferred' ? t.handed_on(d.by_name || d.by || '') : t.conversation_released;
    case 'conversation_parked':
      return d.time_out ? t.parked_time_out : t.conversation_parked;
    case 'time_out_reached':
      return [d.message && t.time_out_reached(d.message), d.unsent && t.time_out_unsent(word(t, d.unsent))].filter(Boolean).join(' · ');
    case 'conversation_closed':
      return said(t, `closed_${d.cause}`) ?? t.conversation_closed;
    case 'consult_asked':
      return [t.consult_asked(d.by_name || d.by || '', name), d.question].filter(Boolean).join(': ');
    case 'handover_asked':
      return t.handover_asked(d.by_name || d.by || '', name);
    case 'handover_declined':
      return [t.handover_declined(name), d.reason].filter(Boolean).join(': ');
    case 'handover_ended':
      return t.handover_ended(name);
    case 'consult_lapsed':
      return t.consult_lapsed(name);
    case 'consult_accepted':
      return t.consult_accepted(name);
    case 'consult_declined':
      return [t.consult_declined(name), d.reason].filter(Boolean).join(': ');
    case 'variables_set':
      return t.variables_set(item.agent ? name : d.bot ? t.bot : d.by ?? '', d.variables ?? '');
    case 'skills_changed':
      return t.skills_changed(name, d.skills ?? '');
    case 'labels_changed':
      return t.labels_changed(name, d.labels ?? '');
    case 'bot_escalated':
      return [t.bot_escalated, d.reason !== 'asked' && (said(t, `bot_${d.reason}`) ?? t.bot_failed), d.summary].filter(Boolean).join(' · ');
    case 'survey_rated':
      return [t.survey_rated(d.rating ?? ''), d.comment].filter(Boolean).join(': ');
    case 'question_answered':
      return `${d.variable}: ${d.value || '–'}`;
    case 'survey_commented':
      return `${t.survey_commented}: ${d.comment}`;
    case 'dispositions_chosen':
      return t.dispositions_chosen(d.dispositions ?? '');
    case 'consult_opened':
      return t.consult_opened(name);
    case 'consult_ended':
      return t.consult_ended(name);
    case 'contact_linked':
      return d.source === 'automatic' ? t.contact_automatic : d.source === 'kept' ? t.contact_kept : t.contact_linked;
    case 'contact_unlinked':
      return t.contact_unlinked;
    case 'supervisor_joined':
      return t.supervisor_joined(name);
    case 'supervisor_left':
      return t.supervisor_left(name);
    case 'reacted_earlier':
      return t.reacted_earlier(d.reaction ?? '');
    case 'referral_received':
      return [t.referral_received, d.ad_title || d.ref || d.source].filter(Boolean).join(': ');
    case 'agent_told':
      return d.text ?? '';
    case 'control_taken':
      return who === me ? t.control_taken_you : t.control_taken(name);
    case 'control_lost':
      return t.control_lost(appOf(d.app, t));
    case 'control_requested':
      return t.control_requested(appOf(d.app, t));
    case 'event_kept':
      return said(t, `event_${d.kind?.replace(/^\w+_(?=thread_control)/, '')}`) ?? t.event_kept(d.kind ?? '');
    default:
      return said(t, item.text ?? '') ?? t.event_kept(item.text ?? '');
  }
}
