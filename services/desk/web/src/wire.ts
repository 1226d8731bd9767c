// wire connects a tab to the stream: through the worker that all tabs share,
// or through one of its own where the browser has no shared workers.
import type { Ask, Word } from './link';

declare const WORKER_URL: string;

// openWire gives the function to ask with; words arrive at hear.
export function openWire(hear: (w: Word) => void): (a: Ask) => void {
  const port = openPort();
  port.onmessage = (m: MessageEvent) => hear(m.data as Word);
  return (a) => port.postMessage(a);
}

function openPort(): MessagePort | Worker {
  try {
    return new SharedWorker(WORKER_URL, { name: 'parley' }).port;
  } catch {
    // Chrome for Android has no shared workers; some private modes refuse.
    return new Worker(WORKER_URL);
  }
}
