/**
 * What of the tables goes into the store, and in which shape: dialogs, INVITEs under way in both
 * directions, and accepted ones whose ACK is missing. Owners appear by their tags, as no
 * connection outlives the process.
 */
import type { Ground } from './admission.ts';
import type { Context, UacTx, UasTx } from './context.ts';
import type { RequestParts } from './compose.ts';
import { keyOf, type DialogEntry, type DialogState } from './dialogs.ts';
import type { Header } from './message.ts';
import type { Path, Proto } from './path.ts';

/** Requests we may send in a dialog without writing its CSeq; a restart jumps further ahead. */
const CSEQ_STRIDE = 50;
export const CSEQ_JUMP = 100;

export interface Place {
  proto: Proto;
  address: string;
  port: number;
  listener: string;
}

/** `d|<key of the dialog>` */
export interface DialogRecord {
  state: DialogState;
  isEnding: boolean;
  hungUpAt: number;
  lastRseq: number;
}

/** `i|<transaction id>`: an INVITE of a peer, until its ACK or rejection. */
export interface IncomingRecord {
  id: string;
  kin: string;
  since: number;
  text: string;
  place: Place;
  toTag: string;
  isInDialog: boolean;
  lastRseq: number;
  /** Stores of former versions do not have it. */
  ground?: Ground | null;
}

/** `a|<transaction id>`: our 2xx to it. */
export interface AnswerRecord {
  id: string;
  text: string;
  since: number;
}

/** `o|<transaction id>`: an INVITE of a client, until its rejection or our ACK. */
export interface OutgoingRecord {
  id: string;
  kin: string;
  since: number;
  parts: RequestParts;
  branch: string;
  place: Place;
  dialogId: string;
  /** Key of the dialog it was sent in, or ''. */
  inside: string;
  /** Key of the dialog that a 2xx confirmed, or ''. */
  accepted: string;
  last: string;
  hasProvisional: boolean;
  cancel: { extra: Header[]; isSent: boolean } | null;
}

function keyOfEntry(entry: DialogEntry): string {
  const { callId, localTag, remoteTag } = entry.state;
  return keyOf(callId, localTag, remoteTag);
}

function placeOf(path: Path): Place {
  const { proto, address, port, listener } = path;
  return { proto, address, port, listener };
}

export function keepDialog(ctx: Context, key: string, entry: DialogEntry): void {
  ctx.keep.mark(`d|${key}`, (): DialogRecord => {
    const { state, isEnding, hungUpAt, lastRseq } = entry;
    entry.keptCSeq = state.localCSeq;
    const owner = ctx.clients.kinOf(state.owner);
    // What has no answer yet will come again, and must then not look like an old request.
    const remoteCSeq = Math.min(state.remoteCSeq, ...[...entry.unanswered].map((seq) => seq - 1));
    return { state: { ...state, owner, remoteCSeq }, isEnding, hungUpAt, lastRseq };
  });
}

/** A request of ours took a number; few are worth a write. */
export function countedCSeq(ctx: Context, entry: DialogEntry): void {
  if (entry.state.localCSeq - entry.keptCSeq >= CSEQ_STRIDE) ctx.dialogs.touch(entry);
}

export function keepIncoming(ctx: Context, uas: UasTx): void {
  if (uas.received.message.method !== 'INVITE') return;
  ctx.keep.mark(`i|${uas.id}`, (): IncomingRecord => {
    const { id, since, received, toTag, isInDialog, lastRseq } = uas;
    const kin = ctx.clients.kinOf(uas.owner);
    const place = placeOf(received.path);
    const { text, ground } = received;
    return { id, kin, since, text, place, toTag, isInDialog, lastRseq, ground };
  });
}

export function keepAnswer(ctx: Context, record: AnswerRecord): void {
  ctx.keep.mark(`a|${record.id}`, () => record);
}

export function dropIncoming(ctx: Context, id: string): void {
  // A next process that still waits for an ACK would hang up in the end.
  ctx.keep.drop(`i|${id}`, true);
  ctx.keep.drop(`a|${id}`, true);
}

export function keepOutgoing(ctx: Context, uac: UacTx): void {
  const { path } = uac;
  if (uac.parts.method !== 'INVITE' || path === null) return;
  ctx.keep.mark(`o|${uac.id}`, (): OutgoingRecord => {
    const { id, since, parts, branch, dialogId, hasProvisional, cancel, dialog } = uac;
    const kin = ctx.clients.kinOf(uac.owner);
    const accepted = uac.hasFinal && uac.confirmed !== null ? keyOfEntry(uac.confirmed) : '';
    const inside = dialog === null ? '' : keyOfEntry(dialog);
    const rest = { inside, accepted, last: uac.last, hasProvisional, cancel };
    return { id, kin, since, parts, branch, place: placeOf(path), dialogId, ...rest };
  });
}

export function dropOutgoing(ctx: Context, id: string): void {
  // A next process would ring the phone again, or wait for an answer that was acknowledged.
  ctx.keep.drop(`o|${id}`, true);
}
