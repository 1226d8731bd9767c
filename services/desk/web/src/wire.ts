// wire connects a tab to the stream: through the worker that all tabs share,
// or through one of its own where the browser has no shared workers.
import type { Ask, Word } from './link';

// The worker runs the page's own script: see main.ts. Where a script comes from
// is known only while it is first run.
const script = (globalThis.document?.currentScript as HTMLScriptElement | null)?.src ?? '';

// openWire gives the function to ask with; words arrive at hear.
export function openWire(hear: (w: Word) => void): (a: Ask) => void {
  const port = openPort();
  port.onmessage = (m: MessageEvent) => hear(m.data as Word);
  return (a) => port.postMessage(a);
}

function openPort(): MessagePort | Worker {
  try {
    return new SharedWorker(script, { name: 'parley' }).port;
  } catch {
    // Chrome for Android has no shared workers; some private modes refuse.
    return new Worker(script);
  }
}
