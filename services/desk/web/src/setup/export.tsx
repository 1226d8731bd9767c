// The configuration as a file: what a screen is about, or all of it.
import { useEffect, useState } from 'preact/hooks';
import type { ExportConfigResponse } from './types.gen';
import { ask, upper, type Kind, type World } from './admin';
import { Copy, Told, useAct, useRoom } from './room';

// whole is the manifest of everything.
async function whole(): Promise<string> {
  let text = '';
  let pageToken = '';
  do {
    const { manifest = '', nextPageToken = '' } = await ask<ExportConfigResponse>('Config', 'ExportConfig', { pageToken });
    text += manifest;
    pageToken = nextPageToken;
  } while (pageToken);
  return text;
}

// part is what a manifest says of some kinds, or of one resource of a kind. A line of
// three hyphens is between documents alone: in texts it is indented.
export function part(manifest: string, kinds: Kind[], id?: string): string {
  const wanted = kinds.map(upper);
  return manifest.split(/^---\n/m).filter((doc) =>
    wanted.includes(/^kind: (\w+)$/m.exec(doc)?.[1] ?? '') && (!id || /^  name: "?(.*?)"?$/m.exec(doc)?.[1] === id)).join('---\n');
}

// AsYAML shows a manifest when somebody asks for it, to be copied or kept: of kinds, of
// one resource, or without either of all. What changes while it stands there, or while
// it is on its way, is read anew.
export function AsYAML({ kinds, id }: { kinds?: Kind[]; id?: string }) {
  const { t, world } = useRoom();
  const [shown, setShown] = useState<{ all: string; of: World }>();
  const { busy, trouble, act } = useAct();
  const read = () => void act(async () => setShown({ all: await whole(), of: world }));
  useEffect(() => {
    if (!shown || shown.of === world) return;
    setShown(undefined);
    read();
  }, [shown, world]);
  const text = shown && (kinds ? part(shown.all, kinds, id) : shown.all);
  const store = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text ?? ''], { type: 'application/yaml' }));
    link.download = `${['parley', ...(kinds ?? []), id].filter(Boolean).join('-').toLowerCase()}.yaml`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  return (
    <div class="as-yaml">
      <Told trouble={trouble} />
      <div class="buttons">
        <button type="button" data-deed="export" disabled={busy} onClick={read}>{kinds ? t.asYAML : t.showYAML}</button>
        {text && <button type="button" onClick={store}>{t.saveFile}</button>}
        {text && <Copy text={text} />}
      </div>
      {text === '' && <p class="quiet">{t.nothingYet}</p>}
      {text && <pre class="yaml" tabIndex={0} aria-label={kinds ? t.asYAML : t.exportAll}>{text}</pre>}
    </div>
  );
}
