/**
 * Whether there is room for another request, decided before anything is kept of it. A flood of new
 * calls must cost one refusal each and nothing more: what a client program has not even looked at
 * yet is bounded, so that a slow client gets no more than it can chew, and dialogs go on.
 */
import { clientKey } from './client-tx.ts';
import type { Context, UasTx } from './context.ts';
import { passesThroughUs } from './forward.ts';
import { parseVia, splitLists } from './headers.ts';
import { MAX_ACTIVE_TRANSACTIONS, MAX_UNHEARD_REQUESTS } from './limits.ts';
import { headerValues } from './message.ts';
import type { Received } from './received.ts';

/**
 * New requests given to clients that have said nothing to them yet; calls apart from the rest, and
 * those of known peers apart from both, so that no stranger stands in their way.
 */
export class Unheard {
  private readonly calls = new Set<UasTx>();
  private readonly others = new Set<UasTx>();
  private readonly ofKnown = new Set<UasTx>();

  get size(): number {
    return this.calls.size + this.others.size + this.ofKnown.size;
  }

  isFull(method: string, isKnown: boolean): boolean {
    return this.setFor(method, isKnown).size >= MAX_UNHEARD_REQUESTS;
  }

  add(uas: UasTx, isKnown: boolean): void {
    this.setFor(uas.received.message.method, isKnown).add(uas);
  }

  delete(uas: UasTx): void {
    this.calls.delete(uas);
    this.others.delete(uas);
    this.ofKnown.delete(uas);
  }

  private setFor(method: string, isKnown: boolean): Set<UasTx> {
    if (isKnown) return this.ofKnown;
    return method === 'INVITE' ? this.calls : this.others;
  }
}

/** Is there a place among the dialogs? Calls that were never acknowledged make room. */
export function hasDialogRoom(ctx: Context, received: Received): boolean {
  const { path } = received;
  const isKnown = ctx.peers.isKnown(path);
  return ctx.unproven.makeRoom(path.address, isKnown, ctx.dialogs.isFull);
}

/** Can this request be served at all? What belongs to a dialog or ends something always can. */
export function hasRoom(ctx: Context, received: Received): boolean {
  const { method } = received.message;
  const entry = ctx.dialogs.find(received.callId, received.toTag, received.fromTag);
  if (entry === undefined && method !== 'CANCEL' && !passesThroughUs(ctx, received)) {
    // Said by the client itself: nothing is kept, parsed further or handed over.
    const isNewCall = method === 'INVITE' && received.toTag === '';
    const isForOthers = ctx.outbound?.takes(method) === true;
    if (isNewCall && !isForOthers && ctx.clients.refusesCalls()) return false;
    if (ctx.unheard.isFull(method, ctx.peers.isKnown(received.path))) return false;
    if (ctx.serverTxs.activeCount >= MAX_ACTIVE_TRANSACTIONS) return false;
  }
  return ctx.serverTxs.makeRoom(received.text.length);
}

/** Did we send this request ourselves? Then one of its Vias names a transaction of ours. */
export function isLoop(ctx: Context, received: Received): boolean {
  const { message } = received;
  const vias = splitLists(headerValues(message, 'via'));
  return vias.slice(1).some((entry) => {
    const branch = parseVia(entry)?.branch ?? '';
    return branch !== '' && ctx.clientTxs.find(clientKey(branch, message.method)) !== undefined;
  });
}
