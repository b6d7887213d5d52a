/**
 * What was taken up from a store and belongs to a port that is not ours any more, as after a change
 * of the configuration: whatever its peers say goes to where nobody listens. Calls are ended by a
 * BYE from where we are now, INVITEs under way come to nothing, subscriptions are dropped; all is
 * told to the client like any other ending.
 */
import type { Context } from './context.ts';
import { endDialog, noteEnding } from './outgoing.ts';
import { answer, tellCancelled } from './uas.ts';
import { sendCancel } from './uac-cancel.ts';

const WHY = 'our address changed';

/** `udp:5071` of `udp` and `0.0.0.0:5071`; the host may change where the port stays. */
function doorOf(proto: string, listener: string): string {
  return `${proto}:${listener.slice(listener.lastIndexOf(':') + 1)}`;
}

/** @param names of the sockets that are bound, `udp:127.0.0.1:5071` */
export function endStranded(ctx: Context, names: string[]): void {
  const doors = new Set(names.map((name) => doorOf(name.slice(0, name.indexOf(':')), name)));
  const former = new Set<string>();
  const isStranded = ({ proto, listener }: { proto: string; listener: string }): boolean => {
    if (listener === '' || doors.has(doorOf(proto, listener))) return false;
    former.add(`${proto}:${listener}`);
    return true;
  };
  let count = 0;
  for (const uas of [...ctx.uas.values()]) {
    if (!isStranded(uas.received.path) || uas.tx.isAnswered) continue;
    answer(ctx, uas, { status: 480, reason: '', extra: [], body: '' });
    tellCancelled(ctx, uas, WHY);
    count += 1;
  }
  for (const uac of [...ctx.uac.values()]) {
    if (uac.path === null || !isStranded(uac.path)) continue;
    uac.isOrphaned = true;
    if (uac.parts.method === 'INVITE') sendCancel(ctx, uac, []);
    count += 1;
  }
  for (const entry of [...ctx.dialogs.all()]) {
    const { state } = entry;
    if (!isStranded(state)) continue;
    if (state.method !== 'INVITE') {
      ctx.dialogs.remove(entry);
      noteEnding(ctx, state.owner, state.id, WHY);
    } else if (state.isConfirmed) endDialog(ctx, entry, WHY);
    else continue;
    count += 1;
  }
  if (count === 0) return;
  const where = [...former].join(', ');
  ctx.log.warn(
    `store: ${count} calls and subscriptions were taken at ${where}, where we do not listen any ` +
      'more; they are ended',
  );
}
