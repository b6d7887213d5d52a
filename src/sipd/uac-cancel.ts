/**
 * Cancelling an INVITE of a client (RFC 3261 section 9.1): not before something answered, and with
 * an end even if nothing more is ever heard.
 */
import type { Context, UacTx } from './context.ts';
import { composeRequest, reasons } from './compose.ts';
import { T64 } from './limits.ts';
import { keepOutgoing } from './records.ts';
import type { Header } from './message.ts';
import { rejectionAck } from './outgoing.ts';

/** The CANCEL of a transaction: same branch, same CSeq number, same way. */
export function cancelText(uac: UacTx, extra: Header[]): string {
  const { parts } = uac;
  return composeRequest({ ...parts, method: 'CANCEL', maxForwards: '70', extra, body: '' });
}

/**
 * Sends the CANCEL, or keeps it until the first provisional response.
 * @returns true if it left now
 */
export function sendCancel(ctx: Context, uac: UacTx, extra: Header[]): boolean {
  if (uac.hasFinal || uac.cancel?.isSent === true) return false;
  if (!uac.hasProvisional || uac.path === null) {
    uac.cancel = { extra, isSent: false };
    keepOutgoing(ctx, uac);
    return false;
  }
  uac.cancel = { extra, isSent: true };
  keepOutgoing(ctx, uac);
  const request = {
    branch: uac.branch,
    method: 'CANCEL',
    text: cancelText(uac, extra),
    path: uac.path,
    ackFor: rejectionAck(uac.parts),
  };
  const log = (outcome: string): void => {
    if (!uac.hasFinal) ctx.log.info(`CANCEL of ${uac.parts.callId}: ${outcome}`);
  };
  ctx.clientTxs.start(request, {
    onResponse: (response) => {
      if (response.message.status >= 300) log(reasons[response.message.status] ?? 'refused');
    },
    onTimeout: () => {
      log('no answer');
    },
    onTransportError: log,
  });
  uac.watch?.cancel();
  // RFC 3261 section 9.1: with no final response in 64*T1 the transaction counts as cancelled.
  uac.watch = ctx.clock.after(T64, () => {
    if (uac.hasFinal) return;
    uac.tx?.terminate();
    uac.onCancelTimeout?.();
  });
  return true;
}
