// From nothing to a page that customers write to, in six steps. What is done
// follows from the configuration and from how the page stands; nothing is kept here,
// so it may be left at any point and gone on with by anybody.
import { useEffect, useState } from 'preact/hooks';
import type { PageStatus, PrivacyNotice } from './types.gen';
import { ask, idOf, nameOf, type Kind, type Thing, type World } from './admin';
import { CallbackOf, Checks, PageDeeds, State, useStatuses } from './channels';
import { AsYAML, Editor } from './editor';
import { Explained, go, said, stamp, Told, useAct, useRoom } from './room';

const STEPS = ['app', 'page', 'webhook', 'people', 'work', 'check'] as const;

const set = (secret: unknown): boolean => !!(secret as { fingerprint?: string } | undefined)?.fingerprint;
const agentsOf = (q: Thing): string[] => (q.agents as string[] | undefined) ?? [];
const answers = (a: Thing): boolean => ((a.roles as string[] | undefined) ?? []).includes('agent');
const passed = (s: PageStatus | undefined, name: string): boolean => !!s?.checks?.some((c) => c.name === name && c.verdict === 'VERDICT_PASSED');

// accountOf is the app of a page, or the first one for a page that is not there yet.
const accountOf = (w: World, page: Thing | undefined): Thing | undefined =>
  w.channelAccount.find((a) => idOf(a) === page?.account) ?? (page ? undefined : w.channelAccount[0]);

// done is which steps are done for a page.
export function done(w: World, page: Thing | undefined, s: PageStatus | undefined): boolean[] {
  const account = accountOf(w, page);
  const staffed = w.queue.some((q) => agentsOf(q).some((id) => w.agent.some((a) => idOf(a) === id && answers(a))));
  return [
    set(account?.appSecret) && !!account?.privacy,
    !!page && set(page.accessToken),
    ['callback', 'subscription', 'events'].every((name) => passed(s, name)),
    staffed,
    w.workstream.some((x) => idOf(x) === page?.workstream && !!x.queue),
    s?.state === 'PAGE_STATE_RUNNING' || s?.state === 'PAGE_STATE_DEGRADED',
  ];
}

export function Wizard({ id, step }: { id: string; step: string }) {
  const { t, world } = useRoom();
  const statuses = useStatuses();
  // Without a page being named it goes on with the first that is not ready.
  const wanted = id || idOf(world.page.find((p) => !done(world, p, statuses?.find((s) => s.page === idOf(p))).every(Boolean)) ?? world.page[0]) || '+';
  const page = world.page.find((p) => idOf(p) === wanted);
  const status = statuses?.find((s) => s.page === wanted);
  const ready = done(world, page, status);
  const first = ready.indexOf(false);
  const at = step ? Number(step) - 1 : first < 0 ? STEPS.length - 1 : first;
  const show = (n: number, of = wanted) => go(`wizard/${of}/${n + 1}`);
  // Where it goes on is decided once: a step that gets done does not run away.
  useEffect(() => {
    if (statuses && !step) location.replace(`#/wizard/${wanted}/${at + 1}`);
  }, [statuses, step]);
  const Step = SCREENS[STEPS[at] ?? 'app'];
  if (!statuses) return <p class="quiet" role="status">{t.loading}</p>;
  return (
    <div class="wizard">
      <nav aria-label={t.steps}>
        <ol>
          {STEPS.map((name, i) => (
            <li key={name}>
              <button class="plain" aria-current={i === at ? 'step' : undefined} onClick={() => show(i)}>
                <span class="mark" aria-hidden="true">{ready[i] ? '✓' : i + 1}</span> {t[`w_${name}`]}<span class="sr"> {ready[i] ? t.isDone : ''}</span>
              </button>
            </li>
          ))}
        </ol>
        {world.page.length > 0 && wanted !== '+' && <a href="#/wizard/+/2" class="quiet">{t.connectAnother}</a>}
      </nav>
      <section class="card-of" data-step={STEPS[at]}>
        <h2>{t.step(at + 1)}: {t[`w_${STEPS[at] ?? 'app'}`]}</h2>
        <p class="quiet">{t[`wl_${STEPS[at] ?? 'app'}`]}</p>
        <Step page={page} status={status} onPage={(p) => show(1, p)} />
        <AsYAML key={at} kinds={KINDS[STEPS[at] ?? 'app']} />
        <div class="buttons ends">
          {at > 0 && <button onClick={() => show(at - 1)}>{t.back}</button>}
          {at < STEPS.length - 1
            ? <button class={ready[at] ? 'primary' : ''} data-next onClick={() => show(at + 1)}>{ready[at] ? t.next : t.skip}</button>
            : ready.every(Boolean) && <p class="good" role="status">{t.allDone}</p>}
        </div>
      </section>
    </div>
  );
}

interface StepProps { page: Thing | undefined; status: PageStatus | undefined; onPage: (id: string) => void }

// Made is a resource that the step makes, or what was made of it already; while it
// is pending, what is there lacks something that start has.
function Made(p: { kind: Kind; start: Thing; only: string[]; title: string; pending?: boolean; onSaved?: (r: Thing) => void }) {
  const { t, world } = useRoom();
  const stored = world[p.kind].find((r) => idOf(r) === idOf(p.start));
  const [open, setOpen] = useState(!stored || !!p.pending);
  return (
    <div class="made" data-made={p.kind}>
      <h3>{p.title}{stored && !p.pending && <> <span class="badge good">✓ {nameOf(stored)}</span></>}</h3>
      {open
        ? <Editor kind={p.kind} start={p.pending ? p.start : stored ?? p.start} changed={!!p.pending} only={p.only} plain save={t.save} onSaved={(r) => { setOpen(false); p.onSaved?.(r); }}
          {...(stored && !p.pending ? { onCancel: () => setOpen(false) } : {})} />
        : <button onClick={() => setOpen(true)}>{t.change}</button>}
    </div>
  );
}

function App({ page }: StepProps) {
  const { t, world } = useRoom();
  const account = accountOf(world, page);
  return (
    <>
      <Made kind="channelAccount" title={t.k_channelAccount} only={['appId', 'appSecret', 'graphVersion']} start={account ?? { meta: { id: 'facebook', displayName: 'Facebook' } }} />
      {account && <Privacy account={account} />}
    </>
  );
}

// Privacy is the notice that somebody has to take note of.
function Privacy({ account }: { account: Thing }) {
  const { t, reload } = useRoom();
  const [notice, setNotice] = useState<PrivacyNotice>();
  const { busy, trouble, act } = useAct();
  const noted = account.privacy as { by?: string; atMs?: string } | undefined;
  useEffect(() => void (noted || act(async () => setNotice(await ask<PrivacyNotice>('Config', 'GetPrivacyNotice')))), []);
  if (noted) return <p class="quiet">✓ {t.privacyNoted(noted.by ?? '', stamp(noted.atMs, t))}</p>;
  return (
    <div class="made" data-made="privacy">
      <h3>{t.privacy}</h3>
      <Told trouble={trouble} />
      <p>{t.privacyLead}</p>
      <blockquote>{notice?.text && <Explained text={notice.text} />}</blockquote>
      <button disabled={busy || !notice} onClick={() => void act(async () => {
        await ask('Config', 'AcknowledgePrivacy', { account: idOf(account), version: notice?.version });
        await reload();
      })}>{t.privacyNote}</button>
    </div>
  );
}

function Page({ page, onPage }: StepProps) {
  const { t, world } = useRoom();
  if (!world.channelAccount.length) return <p>{t.appFirst}</p>;
  const start = page ?? { meta: {}, account: idOf(accountOf(world, undefined)), language: t.lang };
  return <Made key={idOf(page)} kind="page" title={t.k_page} start={start} only={['pageId', 'accessToken', 'language', ...(world.channelAccount.length > 1 ? ['account'] : [])]} onSaved={(r) => onPage(idOf(r))} />;
}

function Webhook({ page, status }: StepProps) {
  const { t } = useRoom();
  if (!page) return <p>{t.pageFirst}</p>;
  const heard = passed(status, 'events');
  return (
    <>
      <CallbackOf account={String(page.account)} />
      <Checks checks={status?.checks ?? []} />
      <p class={heard ? 'good' : 'waits'} role="status" data-heard={heard}>{heard ? t.heard : t.writeNow}</p>
      <PageDeeds page={idOf(page)} />
    </>
  );
}

const WEEKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY'].map((d) => `WEEKDAY_${d}`);

function People() {
  const { t, world } = useRoom();
  const [more, setMore] = useState(0);
  const agents = world.agent.filter(answers);
  const hours = world.schedule[0] ?? { meta: { id: 'office', displayName: t.officeHours }, timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone, week: [{ days: WEEKDAYS, open: [{ from: '09:00', to: '18:00' }] }] };
  const queue = world.queue[0] ?? { meta: { id: 'front', displayName: t.frontDesk }, agents: agents.map(idOf), assignment: 'ASSIGNMENT_LEAST_ACTIVE', schedule: idOf(world.schedule[0]) || undefined };
  return (
    <>
      {agents.length > 0 && <p>{t.agentsAre} {agents.map(nameOf).join(', ')}</p>}
      {(more > 0 || !agents.length)
        ? <Made key={`agent${more}`} kind="agent" title={t.n_agent} start={{ meta: {}, capacity: 3, roles: ['agent'] }} only={['password', 'capacity', 'roles']} onSaved={() => setMore(0)} />
        : <button onClick={() => setMore(more + 1)}>{t.n_agent}</button>}
      <Made key={`hours${world.schedule.length}`} kind="schedule" title={t.hoursOptional} start={hours} only={['timeZone', 'week']} />
      <Made key={`queue${agents.length}.${world.schedule.length}`} kind="queue" title={t.k_queue} start={queue} only={['agents', 'assignment', 'schedule']} />
    </>
  );
}

function Work({ page }: StepProps) {
  const { t, world } = useRoom();
  if (!world.queue.length) return <p>{t.queueFirst}</p>;
  const bound = world.workstream.find((w) => idOf(w) === page?.workstream) ?? world.workstream[0];
  const greeting = world.automatedMessage.find((m) => m.trigger === 'TRIGGER_GREETING') ?? { meta: { id: 'greeting', displayName: said(t, 'TRIGGER_GREETING') ?? '' }, trigger: 'TRIGGER_GREETING', active: true, texts: { [t.lang]: t.greetingText } };
  return (
    <>
      <Made key={`ws${idOf(bound)}`} kind="workstream" title={t.k_workstream} only={['queue', 'units', 'offerSeconds', 'customerAttachments', 'agentAttachments']}
        start={bound ?? { meta: { id: 'facebook', displayName: 'Facebook Messenger' }, queue: idOf(world.queue[0]), units: 1, offerSeconds: 60, customerAttachments: true, agentAttachments: true }} />
      {page && bound && <Made key={`page${String(page.workstream)}`} kind="page" title={t.bind(nameOf(page))} pending={!page.workstream} start={{ ...page, workstream: page.workstream ?? idOf(bound) }} only={['workstream']} />}
      <Made kind="automatedMessage" title={t.greetingOptional} start={greeting} only={['active', 'texts']} />
    </>
  );
}

function Check({ page, status }: StepProps) {
  const { t } = useRoom();
  if (!page) return <p>{t.pageFirst}</p>;
  return (
    <>
      {status && <p><b>{nameOf(page)}</b> <State s={status} /></p>}
      <Checks checks={status?.checks ?? []} />
      <PageDeeds page={idOf(page)} />
      <p><a href="/">{t.toDesk}</a></p>
    </>
  );
}

// KINDS are what each step is about.
const KINDS: Record<(typeof STEPS)[number], Kind[]> = {
  app: ['channelAccount'], page: ['page'], webhook: ['channelAccount', 'page'], people: ['agent', 'schedule', 'queue'], work: ['workstream', 'page', 'automatedMessage'],
  check: ['channelAccount', 'page', 'agent', 'schedule', 'queue', 'workstream', 'automatedMessage'],
};
const SCREENS = { app: App, page: Page, webhook: Webhook, people: People, work: Work, check: Check };
