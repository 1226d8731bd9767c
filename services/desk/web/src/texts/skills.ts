// Words of the card of skills, which come with it.
import type { SameAs } from '../fill';

export const en = {
  skills: 'Skills',
  none: 'None is needed.',
  add: 'Ask for a skill…',
  level: 'How well: {}',
  drop: 'Not needed: {}',
} as const;

const bg: SameAs<typeof en> = {
  skills: 'Умения',
  none: 'Не е нужно никакво.',
  add: 'Добавете умение…',
  level: 'Колко добре: {}',
  drop: 'Не е нужно: {}',
};

export default { en, bg };
