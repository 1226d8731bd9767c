// The test bench of rules: what they would make of a conversation, with the rules as
// they stand in the form, saved or not.
import { useState } from 'preact/hooks';
import type { Decision, EvaluateRulesResponse, ExplainConversationResponse, Resource, Routed, RuleRun } from './types.gen';
import { ask, idOf, nameOf, type Thing } from './admin';
import { Explained, may, said, stamp, Told, useAct, useRoom, type Words } from './room';

// use is a workstream with a ruleset that it does not use yet, where one of its
// sort can be used.
function use(workstream: Thing, ruleset: Thing): Thing | undefined {
  const used = (workstream.classification as string[] | undefined) ?? [];
  if (used.includes(idOf(ruleset)) || workstream.routing === idOf(ruleset)) return undefined;
  const open = { ...workstream, meta: { ...workstream.meta, etag: '' } };
  if ((ruleset.classify as unknown[] | undefined)?.length) return { ...open, classification: [...used, idOf(ruleset)] };
  return (ruleset.route as unknown[] | undefined)?.length ? { ...open, routing: idOf(ruleset) } : undefined;
}

export function Bench({ ruleset }: { ruleset: Thing }) {
  const { t, me, world } = useRoom();
  const [stored, setStored] = useState(false);
  const [page, setPage] = useState(idOf(world.page[0]));
  const [given, setGiven] = useState({ text: '', name: '', locale: 'bg_BG', ref: '', psid: '' });
  const [got, setGot] = useState<{ decision?: Decision; routed?: Routed }>();
  const { busy, trouble, act } = useAct();
  const field = (name: keyof typeof given, text: string) => (
    <label class="field">{text}<input name={name} value={given[name]} onInput={(e) => setGiven({ ...given, [name]: e.currentTarget.value })} /></label>
  );
  const workstream = world.workstream.find((w) => idOf(w) === world.page.find((p) => idOf(p) === page)?.workstream);
  const added = workstream && use(workstream, ruleset);
  const run = () => void act(async () => {
    const resources = [{ ruleset: { ...ruleset, meta: { ...ruleset.meta, etag: '' } } } as Resource];
    if (added) resources.push({ workstream: added } as Resource);
    const trial = { resources: ruleset.meta?.id ? resources : [] };
    setGot(undefined);
    setGot(stored
      ? await ask<ExplainConversationResponse>('Routing', 'ExplainConversation', { page, psid: given.psid, trial })
      : await ask<EvaluateRulesResponse>('Routing', 'EvaluateRules', {
        trial, context: {
          page: { id: page }, message: { text: given.text }, referral: { ref: given.ref },
          customer: { name: given.name, locale: given.locale, language: given.locale.split('_')[0] },
        },
      }));
  });
  return (
    <section class="bench" aria-label={t.bench}>
      <h3>{t.bench}</h3>
      <p class="quiet">{t.benchLead}</p>
      <div class="seg" role="group" aria-label={t.bench}>
        <button type="button" aria-pressed={!stored} onClick={() => setStored(false)}>{t.byHand}</button>
        {may(me, 'transcript.read') && <button type="button" aria-pressed={stored} onClick={() => setStored(true)}>{t.storedOne}</button>}
      </div>
      <label class="field">{t.k_page}
        <select value={page} onChange={(e) => setPage(e.currentTarget.value)}>{world.page.map((p) => <option key={idOf(p)} value={idOf(p)}>{nameOf(p)}</option>)}</select>
      </label>
      {stored ? field('psid', t.psid) : <>{field('text', t.f_text)}{field('name', t.customerName)}{field('locale', t.f_locale)}{field('ref', t.referral)}</>}
      {added && <p class="quiet">{t.asIfUsed}</p>}
      <button type="button" data-deed="try" disabled={busy || !page || (stored && !given.psid)} onClick={run}>{t.tryRules}</button>
      <Told trouble={trouble} />
      {got?.routed && <p>{t.wentTo(got.routed.queue || t.noQueue, got.routed.rule ?? '', stamp(got.routed.openedMs, t))}</p>}
      {got?.decision && <Outcome d={got.decision} />}
    </section>
  );
}

function Outcome({ d }: { d: Decision }) {
  const { t, world } = useRoom();
  return (
    <div class="outcome" role="status">
      <p><b data-queue={d.queue}>{d.ends ? t.wouldEnd : t.wouldGo(nameOf(world.queue.find((q) => idOf(q) === d.queue)) || t.noQueue)}</b> <code>{d.rule && <Explained text={d.rule} />}</code></p>
      {d.attributes?.map((a) => <p key={a} class="quiet"><Explained text={a} /></p>)}
      {d.rulesets?.map((r) => (
        <div key={r.ruleset}>
          <h4>{r.ruleset}</h4>
          <ol class="runs">{r.rules?.map((one) => <Run key={one.rule} r={one} />)}</ol>
        </div>
      ))}
      {d.candidates?.filter((c) => c.passed).map((c) => <p key={c.queue} class="quiet"><code>{c.queue}</code> <Explained text={c.passed!} /></p>)}
      <p class="quiet">{t.costs(d.cost ?? '0', d.tookUs ?? '0')}</p>
    </div>
  );
}

const TONES: Record<string, string> = { RULE_OUTCOME_APPLIED: 'good', RULE_OUTCOME_FAILED: 'red' };

// WHY is a part of a condition, its truth, and what the values in it were.
const WHY = /^.* is (true|false)(:|$)/s;

// seen is that in the reader's words; what stands in quotes is left alone.
const seen = (why: string, t: Words): string => why.replace(/"(?:[^"\\]|\\.)*"| is (true|false)(?=:|$)| is /g, (is, truth?: string) =>
  truth ? ` ${truth === 'true' ? t.holds : t.holdsNot}` : is === ' is ' ? ' = ' : is);

function Run({ r }: { r: RuleRun }) {
  const { t } = useRoom();
  return (
    <li data-outcome={r.outcome}>
      <b>{r.rule}</b> <span class={`badge ${TONES[r.outcome ?? ''] ?? 'soft'}`}>{said(t, r.outcome ?? '')}</span>
      {r.set?.map((s) => <small key={s}><Explained text={s} /></small>)}
      {r.why?.map((w) => <small key={w} class="quiet">{WHY.test(w) ? seen(w, t) : <Explained text={w} />}</small>)}
    </li>
  );
}
