// One script for both places: a page draws the desk, the worker follows the
// stream for all of them. What both need is so loaded once.
import { openDesk } from './app';
import { work } from './worker';

if ('document' in globalThis) void openDesk(import.meta.url);
else work();
