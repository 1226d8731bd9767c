// The worker that all tabs of a browser share: one stream to the server, and
// one tab, the last one looked at, that makes noise.
import { Link, type Ask, type Word } from './link';

type Port = { postMessage(w: Word): void };

const ports = new Set<Port>();
let lead: Port | undefined;

const link = new Link((w) => ports.forEach((p) => p.postMessage(w)));

function elect(port: Port | undefined): void {
  if (port === lead) return;
  lead?.postMessage({ t: 'lead', on: false } satisfies Word);
  lead = port;
  lead?.postMessage({ t: 'lead', on: true } satisfies Word);
}

function heard(port: Port, ask: Ask): void {
  switch (ask.t) {
    case 'start':
      ports.add(port);
      if (lead) port.postMessage({ t: 'lead', on: lead === port } satisfies Word);
      else elect(port);
      link.presence = ask.presence;
      link.start(ask.agent, (w) => port.postMessage(w));
      break;
    case 'presence':
      link.presence = ask.presence;
      break;
    case 'stop':
      link.out('SIGNED_OUT');
      break;
    case 'focus':
      elect(port);
      break;
    case 'online':
      link.hurry();
      break;
    case 'offline':
      link.drop();
      break;
    case 'bye':
      ports.delete(port);
      if (lead === port) elect(ports.values().next().value);
      if (ports.size === 0) link.stop();
  }
}

// work listens to the tabs. The shared kind of worker gets a port for each of
// them; the other has one tab and is its own port.
export function work(): void {
  addEventListener('connect', (e) => {
    const port = (e as MessageEvent).ports[0]!;
    port.onmessage = (m) => heard(port, m.data as Ask);
  });
  if ('onconnect' in self) return;
  const port: Port = { postMessage: (w: Word) => postMessage(w) };
  onmessage = (m) => heard(port, m.data as Ask);
}
