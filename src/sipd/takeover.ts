/**
 * What a client that was restarted asks for: which calls there are and which ended meanwhile, the
 * requests the former left unanswered, and a way to end or to go on with a call that it knows
 * by dialog id alone. Also the end of everything whose client never came back.
 */
import type { Client } from './clients.ts';
import type { Context, UacTx } from './context.ts';
import type { DialogEntry } from './dialogs.ts';
import { networkFrame } from './drachtio-protocol.ts';
import type { Ending } from './endings.ts';
import { frameOf } from './incoming.ts';
import { DIALOGS_PAGE } from './limits.ts';
import type { Header } from './message.ts';
import { endDialog } from './outgoing.ts';
import { answer, tellCancelled } from './uas.ts';
import { acceptForOrphan, ackAndEnd } from './uac-ack.ts';
import { sendCancel } from './uac-cancel.ts';

/** What a client is told of a dialog, or of an INVITE that will make one. */
export interface Told {
  dialogId: string;
  state: 'early' | 'confirmed' | 'awaiting-ack';
  role: 'uas' | 'uac';
  method: string;
  callId: string;
  /** The peer's From or To value. */
  peer: string;
  /** Milliseconds since 1970. */
  since: number;
  /** The transaction of an INVITE without a final response; '' otherwise. */
  txnId: string;
}

export interface ToldEnding {
  dialogId: string;
  ended: Omit<Ending, 'dialogId'>;
}

function stateOf(ctx: Context, entry: DialogEntry): Told['state'] {
  const { state } = entry;
  if (!state.isConfirmed) return 'early';
  const isWaiting = entry.awaitedAcks.size > 0 || ctx.unacked.has(state.id);
  return isWaiting ? 'awaiting-ack' : 'confirmed';
}

/** Everything that is this client's; who takes over owns what its kind left since it has joined. */
function tell(ctx: Context, client: Client): (Told | ToldEnding)[] {
  const told = new Map<string, Told | ToldEnding>();
  const isOurs = (owner: string): boolean => owner === client.id;
  for (const entry of ctx.dialogs.all()) {
    const { id, role, method, callId, remote, since, owner, isConfirmed } = entry.state;
    if (!isOurs(owner) || (told.has(id) && !isConfirmed)) continue;
    const { hungUpAt } = entry;
    const { txnId, peer } = { txnId: entry.invitedBy, peer: remote };
    told.set(
      id,
      hungUpAt > 0
        ? { dialogId: id, ended: { at: hungUpAt, why: 'BYE' } }
        : { dialogId: id, state: stateOf(ctx, entry), role, method, callId, peer, since, txnId },
    );
  }
  const early = { state: 'early', method: 'INVITE' } as const;
  for (const uas of ctx.uas.values()) {
    const { id, dialogId, received, since, owner } = uas;
    const isNew = received.message.method === 'INVITE' && !uas.isInDialog && !uas.tx.isAnswered;
    if (!isNew || !isOurs(owner)) continue;
    const { callId, from } = received;
    told.set(dialogId, { ...early, dialogId, role: 'uas', callId, peer: from, since, txnId: id });
  }
  for (const uac of ctx.uac.values()) {
    const { id, dialogId, parts, since, owner } = uac;
    if (parts.method !== 'INVITE' || uac.dialog !== null || !isOurs(owner)) continue;
    const { callId, to } = parts;
    told.set(dialogId, { ...early, dialogId, role: 'uac', callId, peer: to, since, txnId: id });
  }
  for (const { dialogId, at, why } of ctx.endings.all()) {
    if (!told.has(dialogId)) told.set(dialogId, { dialogId, ended: { at, why } });
  }
  return [...told.values()];
}

/**
 * `OK|<JSON array>|<'next' if there is more>|<when we took up the calls of a process before us,
 * ms since 1970, or 0>|<what our clock says now: the client's may say otherwise>`. All pages show
 * the moment in which the first was asked for.
 */
export function dialogsVerdict(ctx: Context, client: Client, isNext: boolean): string {
  if (!isNext) {
    const all = tell(ctx, client);
    client.pages = [];
    for (let at = 0; at < all.length; at += DIALOGS_PAGE) {
      // The bar divides tokens and cannot be escaped by the protocol.
      const json = JSON.stringify(all.slice(at, at + DIALOGS_PAGE));
      client.pages.push(json.replaceAll('|', '\\u007c'));
    }
  }
  const page = client.pages.shift() ?? '[]';
  return `OK|${page}|${client.pages.length > 0 ? 'next' : ''}|${ctx.restoredAt}|${ctx.clock.now()}`;
}

/** `OK|<JSON: what we and the peer last said of media in it>`; empty texts where nothing was. */
export function sdpVerdict(ctx: Context, dialogId: string): string {
  const state = ctx.dialogs.findById(dialogId)?.state;
  const localSdp = state?.localSdp ?? pendingInvite(ctx, dialogId)?.parts.body;
  if (localSdp === undefined) return 'NOK|unknown';
  const remoteSdp = state?.isConfirmed === true ? state.remoteSdp : '';
  return `OK|${JSON.stringify({ localSdp, remoteSdp }).replaceAll('|', '\\u007c')}`;
}

function pendingInvite(ctx: Context, dialogId: string): UacTx | undefined {
  for (const uac of ctx.uac.values()) {
    if (uac.dialogId === dialogId && uac.dialog === null && uac.parts.method === 'INVITE') {
      return uac;
    }
  }
  return undefined;
}

/**
 * Ends an outgoing INVITE whose transaction the client does not know. Whatever still comes of it
 * is acknowledged and hung up here.
 */
export function cancelVerdict(ctx: Context, dialogId: string, extra: Header[]): string {
  const pending = pendingInvite(ctx, dialogId);
  if (pending !== undefined) {
    pending.isOrphaned = true;
    sendCancel(ctx, pending, extra);
    return 'OK|cancelled';
  }
  const accepted = ctx.unacked.get(dialogId);
  if (accepted?.dialog === null) {
    ackAndEnd(ctx, accepted, 'answered, but no longer wanted');
    return 'OK|hung-up';
  }
  const ending = ctx.endings.find(dialogId);
  if (ending !== undefined) return `OK|ended|${ending.why.replaceAll('|', ' ')}`;
  return ctx.dialogs.findById(dialogId) === undefined ? 'NOK|unknown' : 'NOK|established';
}

/**
 * Goes on with an outgoing INVITE of a former client: the answer names its transaction, and the
 * last response follows again.
 */
export function resumeInvite(
  ctx: Context,
  client: Client,
  dialogId: string,
  say: (verdict: string) => void,
): void {
  const accepted = ctx.unacked.get(dialogId);
  const uac = pendingInvite(ctx, dialogId) ?? (accepted?.dialog === null ? accepted : undefined);
  if (uac === undefined) {
    say(ctx.endings.find(dialogId) === undefined ? 'NOK|nothing' : 'NOK|ended');
    return;
  }
  uac.owner = client.id;
  uac.isOrphaned = false;
  say(`OK|${uac.id}`);
  if (uac.last === '') return;
  const now = ctx.clock.now();
  client.send(networkFrame({ text: uac.last, path: uac.path, now, txnId: uac.id, dialogId }));
}

/** Is anything here this owner's? */
export function owns(ctx: Context, owner: string): boolean {
  const tables: Iterable<{ owner: string }>[] = [
    ctx.uas.values(),
    ctx.uac.values(),
    ctx.unacked.values(),
  ];
  for (const table of tables) for (const one of table) if (one.owner === owner) return true;
  for (const { state } of ctx.dialogs.all()) if (state.owner === owner) return true;
  return false;
}

/** A client takes over what another left. */
export function takeOver(ctx: Context, from: string, to: string, next: Client | null): void {
  for (const entry of ctx.dialogs.all()) {
    if (entry.state.owner !== from) continue;
    const hasNewKin = ctx.clients.kinOf(from) !== ctx.clients.kinOf(to);
    entry.state.owner = to;
    if (hasNewKin) ctx.dialogs.touch(entry);
  }
  for (const uac of [...ctx.uac.values(), ...ctx.unacked.values()]) {
    if (uac.owner !== from) continue;
    uac.owner = to;
    uac.isOrphaned = true;
    if (ctx.unacked.get(uac.dialogId) === uac) acceptForOrphan(ctx, uac);
  }
  for (const uas of ctx.uas.values()) {
    if (uas.owner !== from) continue;
    uas.owner = to;
    if (next?.takesOver !== true || !uas.isGiven || uas.tx.isAnswered) continue;
    next.send(frameOf(uas, uas.since));
  }
}

/** Nobody came back: calls without anybody to speak for them end. */
export function abandon(ctx: Context, owner: string): void {
  const why = 'its application is gone';
  for (const uas of [...ctx.uas.values()]) {
    if (uas.owner !== owner || uas.received.message.method !== 'INVITE') continue;
    if (uas.tx.isAnswered) continue;
    answer(ctx, uas, { status: 480, reason: '', extra: [], body: '' });
    tellCancelled(ctx, uas, why);
  }
  for (const uac of [...ctx.uac.values()]) {
    if (uac.owner !== owner || uac.parts.method !== 'INVITE') continue;
    uac.isOrphaned = true;
    sendCancel(ctx, uac, []);
  }
  for (const uac of [...ctx.unacked.values()]) if (uac.owner === owner) ackAndEnd(ctx, uac, why);
  for (const entry of [...ctx.dialogs.all()]) {
    const { state } = entry;
    // Subscriptions lapse by themselves.
    if (state.owner !== owner || state.method !== 'INVITE' || !state.isConfirmed) continue;
    endDialog(ctx, entry, why);
  }
}
