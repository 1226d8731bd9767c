// Words of the choice above the work list, which come with it.
import type { SameAs } from '../fill';

export const en = {
  show: 'Conversations shown',
  all: 'All',
  windows: 'Reply window',
  closing: 'Closes within 4 h',
  closed: 'Closed',
  labels: 'Label',
} as const;

const bg: SameAs<typeof en> = {
  show: 'Показани разговори',
  all: 'Всички',
  windows: 'Прозорец за отговор',
  closing: 'Затваря се до 4 ч',
  closed: 'Затворен',
  labels: 'Етикет',
};

export default { en, bg };
