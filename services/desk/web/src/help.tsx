// The list of keys.
import { Dialog } from './dialog';
import { useRoom } from './rt';

export function Help({ onClose }: { onClose: () => void }) {
  const { t } = useRoom();
  const keys: [string, string][] = [
    ['Alt 1–9', t.keyTabs], ['Alt N', t.keyNext], ['Alt A', t.keyAccept], ['Alt R', t.keyReject], ['Alt M', t.keyMode],
    ['↑ ↓', t.keyArrows], ['Enter', t.keyEnter], ['/', t.replies], ['?', t.keyHelp], ['Esc', t.keyEsc],
  ];
  return (
    <Dialog title={t.help} onClose={onClose}>
      <dl class="keys">{keys.map(([k, text]) => <div key={k}><dt><kbd>{k}</kbd></dt><dd>{text}</dd></div>)}</dl>
      <form method="dialog" class="buttons"><button class="primary">{t.close}</button></form>
    </Dialog>
  );
}
