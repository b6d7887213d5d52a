/**
 * A session refreshed by us (RFC 4028 §7.4), where the SIP server shows a refresh of its own: it
 * was challenged, and only we know the password; or the answer to its re-INVITE was another than
 * before, and we have to hear it (RFC 3264 §8). By UPDATE, which offers nothing; else by the offer
 * that stands.
 */
import { TRANSACTION_DEADLINE_MS } from './client.ts';
import type { InviteOutcome, RequestOutcome } from './client.ts';
import { SDP, sessionTimer } from './context.ts';
import type { EdgeContext } from './context.ts';
import type { Renewable } from './renewal.ts';

/** One that met a passing obstacle is tried again, as the SIP server would. */
const AGAIN_MS = 5_000;

export class SessionRefresh {
  /** Our offer has no answer yet. */
  isOffering = false;
  private readonly context: EdgeContext;
  private readonly dialog: Renewable;
  private readonly answered: (sdp: string) => Promise<void>;

  constructor(context: EdgeContext, dialog: Renewable, answered: (sdp: string) => Promise<void>) {
    this.context = context;
    this.dialog = dialog;
    this.answered = answered;
  }

  async begin(byInvite: boolean): Promise<void> {
    const { client, config } = this.context;
    const { dialogId, credentials, isClosed } = this.dialog;
    if (isClosed) return;
    if (byInvite) return this.offer();
    if (credentials === null) return;
    const headers = sessionTimer(config.sip);
    const options = { credentials, deadlineMs: TRANSACTION_DEADLINE_MS };
    const outcome = await client.request({ method: 'UPDATE', dialogId, headers }, options);
    if (isPassing(outcome)) return this.later(false);
    const status = outcome.kind === 'response' ? outcome.response.status : 0;
    if (status === 405 || status === 501) return this.begin(true);
  }

  private async offer(): Promise<void> {
    const { client, config, media, renewals } = this.context;
    const { dialogId, credentials, leg } = this.dialog;
    if (this.dialog.isInviting || renewals.isUnderWay(leg)) return this.later(true);
    this.isOffering = true;
    const current = await media.current(leg);
    if (current.ok && !this.dialog.isClosed) {
      const headers = { ...sessionTimer(config.sip), 'Content-Type': SDP };
      const request = { method: 'INVITE', dialogId, headers, body: current.sdp };
      const options = { credentials, deadlineMs: TRANSACTION_DEADLINE_MS };
      const outcome = await client.reinvite(request, options);
      if (isPassing(outcome)) this.later(true);
      // The offer is the one that stands, but the answer may be another.
      if (outcome.kind === 'answered' && outcome.sdp !== '') await this.answered(outcome.sdp);
    }
    this.isOffering = false;
    renewals.settled(leg);
  }

  /** Again and again, until the SIP server ends the dialog. */
  private later(byInvite: boolean): void {
    setTimeout(() => void this.begin(byInvite), AGAIN_MS).unref();
  }
}

/** A refresh met an obstacle that may be gone soon: glare, or a side that is busy with another. */
function isPassing(outcome: RequestOutcome | InviteOutcome): boolean {
  const status = 'response' in outcome ? outcome.response.status : 0;
  return outcome.kind === 'lost' || [491, 500, 503].includes(status);
}
