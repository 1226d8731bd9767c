// A button that puts a text on the clipboard and says so for a moment.
import { useState } from 'preact/hooks';
import { useRoom } from './rt';

export function Copy({ text }: { text: string }) {
  const { t } = useRoom();
  const [done, setDone] = useState(false);
  const copy = () => navigator.clipboard?.writeText(text).then(() => {
    setDone(true);
    setTimeout(() => setDone(false), 1_500);
  }, () => undefined);
  return <button class="plain" onClick={copy}>{done ? t.copied : t.copy}</button>;
}
