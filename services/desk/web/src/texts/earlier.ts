// Words of an earlier conversation, which come with it.
import type { SameAs } from '../fill';

export const en = {
  before: 'Show what was before',
  nothing: 'Nothing of this conversation is kept.',
} as const;

const bg: SameAs<typeof en> = {
  before: 'Покажи по-ранните',
  nothing: 'Нищо от този разговор не се пази.',
};

export default { en, bg };
