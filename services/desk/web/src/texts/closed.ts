// Words of what is over, which come with it.
import type { SameAs } from '../fill';

export const en = {
  closed: 'Closed today',
  none: 'Nothing yet.',
  latest: 'The latest 200 are shown.',
} as const;

const bg: SameAs<typeof en> = {
  closed: 'Приключени днес',
  none: 'Още няма.',
  latest: 'Показани са последните 200.',
};

export default { en, bg };
