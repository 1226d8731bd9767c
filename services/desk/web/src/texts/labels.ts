// Words of labels, which come with them. A label follows the word for taking it away.
import type { SameAs } from '../fill';

export const en = {
  labels: 'Labels',
  add: 'Add a label',
  give: 'Add',
  remove: 'Remove the label',
  full: 'There are 10, and no more fit',
  label: 'Label',
  all: 'All labels',
} as const;

const bg: SameAs<typeof en> = {
  labels: 'Етикети',
  add: 'Добавете етикет',
  give: 'Добави',
  remove: 'Махни етикета',
  full: 'Има 10, повече не се побират',
  label: 'Етикет',
  all: 'Всички етикети',
};

export default { en, bg };
