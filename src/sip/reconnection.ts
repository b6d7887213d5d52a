/**
 * The connection to the SIP server is back after a loss, and so may the SIP server be: what one
 * side said and the other never heard is found by comparing. Dialogs that it has no more are found
 * dead; ACKs that were lost go out, or are taken as heard; a caller whom it answered without our
 * knowing is in line; what it has and nobody here knows is hung up. After a long absence the peers
 * themselves are asked.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Callers } from './callers.ts';
import type { EdgeContext } from './context.ts';
import type { HeldDialog, Sipd, Stack } from './port.ts';
import type { Routes } from './routes.ts';
import { hangUp, NOT_WANTED } from './take-back.ts';

/** A peer repeats a request for 32 s (RFC 3261 §17.1.2.2, timer F): what it said then came. */
const REPEATED_MS = 30_000;
/** What is nobody's for so long is no call that is just being set up or taken apart. */
const STRAY_MS = 5_000;

interface Parts {
  readonly context: EdgeContext;
  readonly callers: Callers;
  readonly routes: Routes;
}

/** @param awayMs how long there was no connection. Never rejects. */
export async function compareDialogs(parts: Parts, stack: Stack, awayMs: number): Promise<void> {
  const { context, callers } = parts;
  const { client, dialogs } = context;
  const sipd = stack.sipd();
  // A drachtio-server has forgotten whose they are.
  if (sipd === null) return dialogs.watchOver();
  // What begins while we ask, or only now that it can be sent, is not in the answer, and lives.
  const before = dialogs.ids().filter((id) => !client.isBusyWith(id));
  const unacknowledged = dialogs.unacknowledged();
  const inventory = awayMs > REPEATED_MS ? null : await sipd.inventory();
  if (inventory === null) dialogs.probe(before);
  else {
    acknowledgeOwed(context, inventory.held);
    const held = new Map(inventory.held.map(({ dialogId, state }) => [dialogId, state]));
    for (const { dialogId, state, role } of inventory.held) {
      const isAnswered = state !== 'early' && role === 'uas' && callers.isAnswered(dialogId);
      if (isAnswered) unacknowledged.push(dialogId);
    }
    for (const id of unacknowledged) if (held.get(id) === 'confirmed') dialogs.acknowledged(id);
    dialogs.probe(before.filter((id) => !held.has(id)));
  }
  await endStrays(parts, sipd, inventory?.held ?? (await sipd.inventory())?.held ?? []);
}

/**
 * Phones of ours that answered, and whose ACK died with the process that was to send it, or had
 * just been told to: without it they hang up after 32 s (RFC 3261 §13.3.1.4).
 */
export function acknowledgeOwed(
  { client, dialogs }: EdgeContext,
  held: readonly HeldDialog[],
): void {
  for (const { dialogId, role, state, method } of held) {
    const isOwed = role === 'uac' && state === 'awaiting-ack' && method === 'INVITE';
    if (isOwed && dialogs.has(dialogId)) client.acknowledge(dialogId);
  }
}

/**
 * A dialog whose BYE a SIP server had answered, and died before its store said so, would be kept by
 * the next one until the session timer ends it; an INVITE of ours that was over, for three minutes.
 * Looked at twice: nobody's both times is nobody's.
 */
async function endStrays(
  { context, routes }: Parts,
  sipd: Sipd,
  held: readonly HeldDialog[],
): Promise<void> {
  const { client, dialogs } = context;
  const isStray = ({ dialogId, role, state, method }: HeldDialog): boolean =>
    (state === 'confirmed' || (state === 'early' && role === 'uac')) &&
    method === 'INVITE' &&
    !dialogs.has(dialogId) &&
    !client.isBusyWith(dialogId);
  const first = new Set(held.filter(isStray).map(({ dialogId }) => dialogId));
  if (first.size === 0) return;
  await pause(STRAY_MS, null, { ref: false });
  for (const one of (await sipd.inventory())?.held ?? []) {
    if (!first.has(one.dialogId) || !isStray(one)) continue;
    context.log.warn({ dialogId: one.dialogId }, 'a call that nobody knows is hung up');
    if (one.state === 'early') sipd.cancel(one.dialogId, NOT_WANTED);
    else hangUp(context, one.dialogId, routes.accountFor(one));
  }
}
