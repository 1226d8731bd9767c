// Which skills the conversation needs, and who may say it: loaded apart from the
// page.
import { useEffect, useState } from 'preact/hooks';
import type { ConversationView, ListSkillsResponse, SkillScale } from './types.gen';
import { filled } from './fill';
import { may } from './model';
import { useRoom } from './rt';
import texts, { type en } from './texts/skills';

const MOST = 20;

export function Skills({ view }: { view: ConversationView }) {
  const { desk, prefs } = useRoom();
  const t = filled<typeof en>(texts[prefs.lang]);
  const [all, setAll] = useState<SkillScale[]>([]);
  const [busy, setBusy] = useState(false);
  const changes = may(view, 'skills');
  useEffect(() => {
    let left = false;
    if (changes) void desk.ask<ListSkillsResponse>('ListSkills', { ref: view.ref }).then((got) => !left && got && setAll(got.skills ?? []));
    return () => void (left = true);
  }, [view.ref?.conversation, changes]);
  const needed = view.skills ?? [];
  const say = async (change: object) => {
    setBusy(true);
    await desk.oversee('ChangeSkills', { ref: view.ref, clientId: crypto.randomUUID(), ...change });
    setBusy(false);
  };
  if (!needed.length && !changes) return null;
  return (
    <section class="skills">
      <h3>{t.skills}</h3>
      <ul>
        {needed.map((n) => {
          const scale = all.find((s) => s.skill === n.skill);
          return (
            <li key={n.skill}>
              <span dir="auto">{n.name}</span>{' '}
              {changes && scale ? (
                <select
                  aria-label={t.level(n.name ?? '')} disabled={busy} value={n.value}
                  onChange={(e) => void say({ needed: [{ skill: n.skill, value: Number(e.currentTarget.value) }] })}
                >
                  {steps(scale).map((v) => <option key={v} value={v}>{scale.ratings?.[v] ?? v}</option>)}
                </select>
              ) : <span class="quiet">{n.rating || `${n.value}/${n.highest}`}</span>}
              {changes && <button class="icon" aria-label={t.drop(n.name ?? '')} disabled={busy} onClick={() => void say({ dropped: [n.skill] })}>✕</button>}
            </li>
          );
        })}
      </ul>
      {!needed.length && <p class="quiet">{t.none}</p>}
      {changes && needed.length < MOST && (
        <select aria-label={t.add} disabled={busy} value="" onChange={(e) => void say({ needed: [{ skill: e.currentTarget.value }] })}>
          <option value="" disabled>{t.add}</option>
          {all.filter((s) => !needed.some((n) => n.skill === s.skill)).map((s) => <option key={s.skill} value={s.skill}>{s.name}</option>)}
        </select>
      )}
    </section>
  );
}

// steps are the values of a scale.
function steps(s: SkillScale): number[] {
  const lowest = s.lowest ?? 1;
  return Array.from({ length: (s.highest ?? lowest) - lowest + 1 }, (_, i) => lowest + i);
}
