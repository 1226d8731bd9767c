// Words of the thumb, which come with it.
import type { SameAs } from '../fill';

export const en = {
  send: 'Send a thumbs-up',
} as const;

const bg: SameAs<typeof en> = {
  send: 'Изпращане на вдигнат палец',
};

export default { en, bg };
