/**
 * Taking over callers who were on their way to an address outside (takeover.ts has the rest): who
 * is still there goes on, with the phone that rings or talks there; who is gone is journalled as
 * of then, and the leg there, which is nobody's, is ended with the strays.
 */
import type { Transfer } from '../core/transfer-call.ts';
import type { Callers } from './callers.ts';
import { dialogIdOf } from './client.ts';
import type { EdgeContext } from './context.ts';
import { answerGoodbye, answerLastWords } from './last-words.ts';
import type { KnownDialog, Stack } from './port.ts';
import type { Routes } from './routes.ts';
import { takeBack } from './take-back.ts';
import { transferIdentity } from './transfers.ts';

function outsideOf({ callId, attempt }: Transfer): string {
  return dialogIdOf(transferIdentity(callId, Math.max(1, attempt)));
}

/** Legs of audio that transfers must have, each with its dialog. */
export function transferLegs(
  transfers: readonly Transfer[],
  found: ReadonlyMap<string, KnownDialog>,
): ReadonlyMap<string, string> {
  const wanted = new Map<string, string>();
  for (const sent of transfers) {
    const legs = [
      [sent.callId, sent.dialogId ?? ''],
      [`${sent.callId}.x`, outsideOf(sent)],
    ] as const;
    for (const [leg, dialogId] of legs) {
      const one = found.get(dialogId);
      if (one !== undefined && 'state' in one) wanted.set(leg, dialogId);
    }
  }
  return wanted;
}

interface Parts {
  readonly context: EdgeContext;
  readonly stack: Stack;
  readonly callers: Callers;
  readonly routes: Routes;
}

/**
 * Gives the dialogs that have an owner now.
 * @param found null: the SIP server does not tell; who talks is taken as still there, and watched;
 *   a phone that rings is taken back, and called anew
 */
export function adoptTransfers(
  { context, stack, callers, routes }: Parts,
  transfers: readonly Transfer[],
  found: ReadonlyMap<string, KnownDialog> | null,
): readonly string[] {
  const owned: string[] = [];
  for (const sent of transfers) {
    const { callId, dialogId } = sent;
    const his = dialogId === null ? undefined : found?.get(dialogId);
    if (dialogId === null || (found !== null && (his === undefined || 'why' in his))) {
      const endedAt = his !== undefined && 'why' in his ? { endedAt: his.at } : {};
      if (dialogId !== null && his !== undefined) answerLastWords(context, dialogId);
      const end = { kind: 'EndTransfer', by: 'takeover', callId, ...endedAt } as const;
      void context.runtime.submit({ ...end, outcome: 'abandoned' });
      continue;
    }
    const outsideId = outsideOf(sent);
    const outside = found === null ? 'unknown' : found.get(outsideId);
    answerGoodbye(context, found?.get(outsideId));
    owned.push(dialogId);
    if (found === null && sent.attempt > 0 && sent.answeredAt === null) {
      const credentials = routes.toUri(sent.uri)?.credentials ?? null;
      takeBack({ context, stack }, outsideId, credentials);
    } else if (sent.attempt > 0) owned.push(outsideId);
    callers.adoptSent(sent, dialogId, outside);
  }
  if (owned.length > 0) context.log.info({ transfers: transfers.length }, 'transfers taken over');
  return owned;
}
