// Words of the picture over the page, which come with it.
import type { SameAs } from '../fill';

export const en = {
  before: 'Picture before',
  after: 'Picture after',
  older: 'Look further back',
  natural: 'Natural size',
  download: 'Download',
  tab: 'Open in a tab',
  gone: 'The picture cannot be shown any more.',
} as const;

const bg: SameAs<typeof en> = {
  before: 'Предишна снимка',
  after: 'Следваща снимка',
  older: 'Търси по-назад',
  natural: 'Истински размер',
  download: 'Изтегли',
  tab: 'Отвори в раздел',
  gone: 'Снимката вече не може да се покаже.',
};

export default { en, bg };
