// Words of how queues stand, which come with them. A time, or the name of a queue,
// follows those that end openly.
import type { SameAs } from '../fill';

export const en = {
  open: 'Open',
  openUntil: 'Open until',
  closed: 'Closed',
  closedUntil: 'Closed until',
  over: 'New ones go to',
  ends: 'New ones end at once',
} as const;

const bg: SameAs<typeof en> = {
  open: 'Отворена',
  openUntil: 'Отворена до',
  closed: 'Затворена',
  closedUntil: 'Затворена до',
  over: 'Новите отиват в',
  ends: 'Новите приключват веднага',
};

export default { en, bg };
