/**
 * An INVITE of a process before us, of which the SIP server tells nothing, is taken back: by CANCEL
 * where that is possible, and by BYE for the case that it had been answered.
 */
import { TRANSACTION_DEADLINE_MS } from './client.ts';
import type { EdgeContext } from './context.ts';
import type { Credentials } from './digest.ts';
import type { Headers, Stack } from './port.ts';

/** From the CANCEL of a phone's INVITE to its BYE, for the case that it had been answered. */
const CROSSED_MS = 1_000;
export const NOT_WANTED: Headers = { Reason: 'SIP;cause=487;text="Call ended"' };
const GOODBYE: Headers = { Reason: 'Q.850;cause=16;text="Normal call clearing"' };

/**
 * A drachtio-server cancels by the transaction alone; where that is not in the journal the phone
 * there rings until it, or the server, gives up.
 */
export function takeBack(
  { context, stack }: { readonly context: EdgeContext; readonly stack: Stack },
  dialogId: string,
  credentials: Credentials | null,
  transaction: string | null = null,
): void {
  // sipd takes it back by its dialog, even where it did not tell of it.
  stack.sipd()?.cancel(dialogId, NOT_WANTED);
  if (transaction !== null) stack.cancelTransaction(transaction, NOT_WANTED);
  // A phone that had answered meanwhile is not reached by CANCEL, but its dialog is.
  setTimeout(() => hangUp(context, dialogId, credentials), CROSSED_MS).unref();
}

/** BYE in a dialog that nobody owns. */
export function hangUp(
  context: EdgeContext,
  dialogId: string,
  credentials: Credentials | null,
): void {
  void context.client.request(
    { method: 'BYE', dialogId, headers: GOODBYE },
    { credentials, deadlineMs: TRANSACTION_DEADLINE_MS },
  );
}
