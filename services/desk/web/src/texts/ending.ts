// Words of an End that is held back, which come with it. A time follows the first.
import type { SameAs } from '../fill';

export const en = {
  ends: 'the talk ends in',
  undo: 'Undo',
  stayed: 'The talk goes on: more was written.',
} as const;

const bg: SameAs<typeof en> = {
  ends: 'разговорът приключва след',
  undo: 'Отмени',
  stayed: 'Разговорът продължава: има ново съобщение.',
};

export default { en, bg };
