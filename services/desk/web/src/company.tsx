// Who else has a part in a conversation.
import type { ConversationView } from './types.gen';
import { useRoom } from './rt';

// Company shows who else has a part in the conversation, and lets the agent who
// has it decide about consultants.
export function Company({ view }: { view: ConversationView }) {
  const { desk, t } = useRoom();
  const beside = view.beside ?? [];
  const own = view.part;
  if (!own && beside.length === 0) return null;
  const may = view.allowed ?? [];
  return (
    <div class="company">
      {own && <p><b>{t[own.part ?? 'PART_UNSPECIFIED']}</b> · {t.heldBy(view.agentName || view.agent || '')}{own.question && <span dir="auto"> · {own.question}</span>}</p>}
      {beside.map((b) => (
        <p key={b.agent}>
          <span class="badge soft">{b.attendance === 'ATTENDANCE_INVITED' && b.part === 'PART_CONSULTANT' ? t.asked : t[b.part ?? 'PART_UNSPECIFIED']}</span>
          <span dir="auto">{b.name || b.agent}</span>
          {b.public && b.part === 'PART_CONSULTANT' && <span class="quiet">{t.writesToo}</span>}
          {may.includes('open_consult') && b.part === 'PART_CONSULTANT' && b.attendance === 'ATTENDANCE_PRESENT' && !b.public && (
            <button class="plain" onClick={() => void desk.consult('OpenConsult', view, { consultant: b.agent })}>{t.letWrite}</button>
          )}
          {may.includes('end_consult') && b.part === 'PART_CONSULTANT' && (
            <button class="plain" onClick={() => void desk.consult('EndConsult', view, { consultant: b.agent })}>{t.endConsult}</button>
          )}
        </p>
      ))}
    </div>
  );
}
