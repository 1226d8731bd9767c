// Pages at Meta and how they stand.
import { useState } from 'preact/hooks';
import type { Callback, ListPageStatusesResponse, PageCheck, PageStatus, RevealVerifyTokenResponse, TestPageResponse } from './types.gen';
import { ask, idOf, nameOf } from './admin';
import { AsYAML } from './editor';
import { told } from './said';
import { Copy, may, said, stamp, Told, useAct, useEvery, useRoom } from './room';

const LOOK_MS = 2_000;

// useStatuses are how all pages stand, read again while somebody looks.
export function useStatuses(): PageStatus[] | undefined {
  const [all, setAll] = useState<PageStatus[]>();
  useEvery(LOOK_MS, async () => setAll((await ask<ListPageStatusesResponse>('Provision', 'ListPageStatuses')).statuses ?? []));
  return all;
}

export function Channels() {
  const { t, me, world } = useRoom();
  const writes = may(me, 'config.write');
  const statuses = useStatuses();
  return (
    <>
      <section class="card-of">
        <div class="head-of"><h2>{t.channels}</h2>{writes && <a class="button primary" href="#/wizard">{t.connectPage}</a>}</div>
        {!world.page.length && <p class="quiet">{t.noPages}</p>}
        {statuses?.map((s) => <PageCard key={s.page} s={s} />)}
      </section>
      <section class="card-of">
        <h2>{t.ks_channelAccount}</h2>
        {world.channelAccount.map((a) => (
          <div key={idOf(a)} class="account">
            <h3><a href={`#/accounts/${idOf(a)}`}>{nameOf(a)}</a> <code>{idOf(a)}</code></h3>
            <CallbackOf account={idOf(a)} />
          </div>
        ))}
        {writes && <a class="button" href="#/accounts/+">{t.n_channelAccount}</a>}
        <AsYAML kinds={['page', 'channelAccount']} />
      </section>
    </>
  );
}

const TONES: Record<string, string> = { RUNNING: 'good', VERIFYING: 'amber', DEGRADED: 'amber', FAILED: 'red', DISCONNECTED: 'red' };

// State is a page's state as a badge.
export function State({ s }: { s: PageStatus }) {
  const { t } = useRoom();
  return <span class={`badge ${TONES[(s.state ?? '').slice('PAGE_STATE_'.length)] ?? 'soft'}`} data-state={s.state}>{said(t, s.state ?? '') ?? t.PAGE_STATE_PENDING}</span>;
}

function PageCard({ s }: { s: PageStatus }) {
  const { t, world } = useRoom();
  const page = world.page.find((p) => idOf(p) === s.page);
  return (
    <article class="page-of">
      <h3><a href={`#/channels/${s.page}`}>{nameOf(page) || s.page}</a> <State s={s} /></h3>
      <p class="quiet">{s.pageId} · {String(page?.workstream ?? '') || t.noWorkstream}{Number(s.tokenEndsMs) ? ` · ${t.tokenEnds(stamp(s.tokenEndsMs, t))}` : ''}</p>
      <Checks checks={s.checks ?? []} />
      {!!s.remarks?.length && <p class="quiet">{t.privacyToNote}</p>}
      <PageDeeds page={s.page ?? ''} />
    </article>
  );
}

const MARKS: Record<string, string> = { VERDICT_PASSED: '✓', VERDICT_FAILED: '✕', VERDICT_WAITING: '…', VERDICT_UNKNOWN: '?' };

// Checks are things that a page needs, with what to do about those that it lacks.
export function Checks({ checks }: { checks: PageCheck[] }) {
  const { t } = useRoom();
  return (
    <ul class="checks">
      {checks.map((c) => {
        const passed = c.verdict === 'VERDICT_PASSED';
        const remedy = t.lang === 'en' ? c.remedy : said(t, `r_${c.name}`);
        const found = told(`q_${c.reason}`, c.values ?? [], t);
        return (
          <li key={c.name} data-check={c.name} data-verdict={c.verdict}>
            <span class="mark" aria-hidden="true">{MARKS[c.verdict ?? ''] ?? '?'}</span>
            <div>
              <b>{said(t, `c_${c.name}`) ?? c.name}</b> <span>{said(t, c.verdict ?? '')}</span>
              <small class="quiet" lang={found ? undefined : 'en'}>{found ?? c.found}{c.ranMs && !passed ? ` · ${stamp(c.ranMs, t)}` : ''}</small>
              {!passed && remedy && <small class="remedy">{t.remedy} {remedy}</small>}
            </div>
          </li>
        );
      })}
    </ul>
  );
}

// PageDeeds are what can be done with a page: asked about, subscribed, tested, and
// given another token.
export function PageDeeds({ page }: { page: string }) {
  const { t, me } = useRoom();
  const writes = may(me, 'config.write');
  const [token, setToken] = useState<string>();
  const [steps, setSteps] = useState<PageCheck[]>();
  const { busy, trouble, act } = useAct();
  const store = (e: SubmitEvent) => {
    e.preventDefault();
    void act(() => ask('Provision', 'SetPageToken', { page, accessToken: { value: token } })).then((ok) => ok && setToken(undefined));
  };
  return (
    <div class="deeds">
      <Told trouble={trouble} />
      <div class="buttons">
        <button disabled={busy} onClick={() => void act(() => ask('Provision', 'VerifyPage', { page }))}>{t.askMeta}</button>
        {writes && <button disabled={busy} onClick={() => void act(() => ask('Provision', 'SubscribePage', { page }))}>{t.subscribe}</button>}
        <button disabled={busy} data-deed="test" onClick={() => void act(async () => setSteps((await ask<TestPageResponse>('Provision', 'TestPage', { page })).steps))}>{t.testPage}</button>
        {writes && <button disabled={busy} onClick={() => setToken('')}>{t.newToken}</button>}
      </div>
      {steps && <Checks checks={steps} />}
      {token !== undefined && (
        <form class="inline" onSubmit={store}>
          <input type="password" autocomplete="off" aria-label={t.f_accessToken} placeholder={t.f_accessToken} value={token} onInput={(e) => setToken(e.currentTarget.value)} />
          <button class="primary" disabled={busy || !token}>{t.save}</button>
        </form>
      )}
    </div>
  );
}

// CallbackOf is what is to be entered at Meta as webhook of an app.
export function CallbackOf({ account }: { account: string }) {
  const { t, me } = useRoom();
  const [c, setCallback] = useState<Callback>();
  const [token, setToken] = useState('');
  const { trouble, act } = useAct();
  useEvery(LOOK_MS, async () => setCallback(await ask<Callback>('Provision', 'GetCallback', { account })), [account]);
  const reveal = () => void act(async () => setToken((await ask<RevealVerifyTokenResponse>('Provision', 'RevealVerifyToken', { account })).verifyToken ?? ''));
  const line = (name: string, value: string) => (
    <div class="copy-of"><label>{name}<input readOnly value={value} /></label><Copy text={value} /></div>
  );
  if (!c) return null;
  return (
    <div class="callback">
      <Told trouble={trouble} />
      {line(t.callbackURL, c.url || c.path || '')}
      {token ? line(t.f_verifyToken, token) : may(me, 'secret.reveal') && <button type="button" onClick={reveal}>{t.showVerifyToken}</button>}
      <p class="quiet">{Number(c.verifiedMs) ? t.verifiedAt(stamp(c.verifiedMs, t)) : t.notVerified}</p>
    </div>
  );
}
