// wire connects a tab to the stream: through the worker that all tabs share,
// or through one of its own where the browser has no shared workers.
import type { Ask, Word } from './link';

// openWire gives the function to ask with; words arrive at hear. The worker runs
// the page's own script: see main.ts.
export function openWire(script: string, hear: (w: Word) => void): (a: Ask) => void {
  const port = openPort(script);
  port.onmessage = (m: MessageEvent) => hear(m.data as Word);
  return (a) => port.postMessage(a);
}

type Trust = { createPolicy(name: string, p: { createScriptURL(url: string): string }): { createScriptURL(url: string): string } };
const types = (globalThis as { trustedTypes?: Trust }).trustedTypes;
let policy: ReturnType<Trust['createPolicy']> | undefined;

// trusted vouches for the page's own script where browsers want that.
function trusted(url: string): string {
  policy ??= types?.createPolicy('parley', { createScriptURL: (u) => u });
  return policy?.createScriptURL(url) ?? url;
}

function openPort(script: string): MessagePort | Worker {
  try {
    return new SharedWorker(trusted(script), { name: 'parley', type: 'module' }).port;
  } catch {
    // Chrome for Android has no shared workers; some private modes refuse.
    return new Worker(trusted(script), { type: 'module' });
  }
}
