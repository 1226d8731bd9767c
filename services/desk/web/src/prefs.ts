// Settings of this browser, not of the agent: they hold before signing in too.
import type { QuickReply } from './types.gen';
import { languages, type Lang } from './fill';

export interface Prefs {
  lang: Lang;
  theme: 'auto' | 'light' | 'dark';
  sound: boolean;
  // It was asked whether the browser may tell of conversations.
  asked?: boolean;
}

const KEY = 'parley.prefs';

// loadPrefs reads what was chosen; the browser's language where nothing was.
export function loadPrefs(): Prefs {
  const base: Prefs = { lang: navigator.language.startsWith('bg') ? 'bg' : 'en', theme: 'auto', sound: true };
  try {
    const kept = { ...base, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Prefs>) };
    return languages.includes(kept.lang) ? kept : { ...kept, lang: base.lang };
  } catch {
    return base;
  }
}

// langChosen says whether a language was chosen here, so that the agent's
// record does not overrule it.
export const langChosen = (): boolean => (localStorage.getItem(KEY) ?? '').includes('"lang"');

export function savePrefs(p: Prefs): void {
  localStorage.setItem(KEY, JSON.stringify(p));
}

// dress puts language and theme on the document.
export function dress(p: Prefs): void {
  const root = document.documentElement;
  root.lang = p.lang;
  if (p.theme === 'auto') delete root.dataset.theme;
  else root.dataset.theme = p.theme;
}

export interface Draft {
  mode: 'reply' | 'note';
  reply: string;
  note: string;
  // Answers for the customer to press; they go with a text.
  quickReplies?: QuickReply[] | undefined;
}

const draftKey = (agent: string, conversation: string) => `parley.draft.${agent}.${conversation}`;

// loadDraft gives what was being written, if anything was.
export function loadDraft(agent: string, conversation: string): Draft | undefined {
  const text = sessionStorage.getItem(draftKey(agent, conversation));
  return text === null ? undefined : (JSON.parse(text) as Draft);
}

export function saveDraft(agent: string, conversation: string, d: Draft): void {
  sessionStorage.setItem(draftKey(agent, conversation), JSON.stringify(d));
}

export function dropDraft(agent: string, conversation: string): void {
  sessionStorage.removeItem(draftKey(agent, conversation));
}

const presenceKey = (agent: string) => `parley.presence.${agent}`;

// loadPresence gives what the agent chose to be since signing in: a presence, or
// a status after its presence.
export const loadPresence = (agent: string): string => localStorage.getItem(presenceKey(agent)) ?? 'PRESENCE_UNSPECIFIED';

export const savePresence = (agent: string, p: string): void => localStorage.setItem(presenceKey(agent), p);

export const dropPresence = (agent: string): void => localStorage.removeItem(presenceKey(agent));
