// Words of the choice of utility templates, which come with it.
import type { SameAs } from '../fill';

export const en = {
  title: 'A template that Messenger takes even now',
  choose: 'Choose a template…',
  blank: 'Blank',
} as const;

const bg: SameAs<typeof en> = {
  title: 'Шаблон, който Messenger приема и сега',
  choose: 'Изберете шаблон…',
  blank: 'Място',
};

export default { en, bg };
