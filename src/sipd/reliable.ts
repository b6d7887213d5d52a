/**
 * Reliable provisional responses of ours (RFC 3262 section 3): numbered, one at a time, repeated
 * until the PRACK.
 */
import type { Context, UasTx } from './context.ts';
import { newRseq } from './ids.ts';
import { T1, T64 } from './limits.ts';
import type { Received } from './received.ts';
import { parseRAck } from './headers.ts';
import { header } from './message.ts';

export function nextRseq(uas: UasTx): number {
  uas.lastRseq = uas.lastRseq === 0 ? newRseq() : uas.lastRseq + 1;
  return uas.lastRseq;
}

/**
 * @param onLost no PRACK came in 64*T1
 */
export function sendReliably(
  ctx: Context,
  uas: UasTx,
  response: { status: number; text: string; rseq: number; hasBody: boolean },
  onLost: () => void,
): void {
  const repeat = (ms: number): void => {
    if (uas.reliable === null) return;
    uas.reliable.resend = ctx.clock.after(ms, () => {
      uas.tx.sendAgain(response.text);
      repeat(ms * 2);
    });
  };
  const giveUp = ctx.clock.after(T64, () => {
    settle(uas);
    onLost();
  });
  uas.reliable = {
    rseq: response.rseq,
    text: response.text,
    hasBody: response.hasBody,
    resend: giveUp,
    giveUp,
  };
  uas.tx.respond(response.status, response.text);
  repeat(T1);
}

/** Stops repeating. */
export function settle(uas: UasTx): void {
  uas.reliable?.resend.cancel();
  uas.reliable?.giveUp.cancel();
  uas.reliable = null;
}

/** Does this PRACK acknowledge what we are repeating? If so the repeating ends. */
export function takePrack(uas: UasTx, prack: Received): boolean {
  const rack = parseRAck(header(prack.message, 'rack'));
  if (
    rack === null ||
    uas.reliable === null ||
    rack.rseq !== uas.reliable.rseq ||
    rack.seq !== uas.received.cseq.seq ||
    rack.method.toUpperCase() !== 'INVITE'
  ) {
    return false;
  }
  settle(uas);
  return true;
}
