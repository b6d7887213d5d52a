/**
 * BYEs of ours under way. One that was lost with the connection to the SIP server goes out again
 * when the server is back: it kept the dialog, and the peer still believes that he talks. Had the
 * first one gone out, the server says that there is no such dialog, or the peer answers 481: both
 * are the end that was wanted (RFC 3261 §15.1.1).
 */
import { addNewest } from '../shared/newest.ts';
import type { RequestOptions, RequestOutcome } from './client.ts';
import type { OutgoingRequest } from './port.ts';
import { doneWithin } from './within.ts';

type Send = (request: OutgoingRequest, options: RequestOptions) => Promise<RequestOutcome>;

/** BYEs kept while there is no server; beyond it the oldest is forgotten. */
const LOST_MAX = 1_000;

export class HangUps {
  private readonly request: Send;
  /** With the dialog of each. */
  private readonly underWay = new Map<Promise<unknown>, string>();
  private lost = new Set<readonly [OutgoingRequest, RequestOptions]>();

  constructor(request: Send) {
    this.request = request;
  }

  /** `lost`: it is sent again when the server is back. */
  async send(request: OutgoingRequest, options: RequestOptions): Promise<RequestOutcome> {
    const sent = this.request(request, options);
    this.underWay.set(sent, request.dialogId ?? '');
    const outcome = await sent;
    this.underWay.delete(sent);
    if (outcome.kind === 'lost') addNewest(this.lost, [request, options], LOST_MAX);
    return outcome;
  }

  /** Is one under way in that dialog, or waits for the server? */
  has(dialogId: string): boolean {
    const isLost = [...this.lost].some(([request]) => request.dialogId === dialogId);
    return isLost || [...this.underWay.values()].includes(dialogId);
  }

  /** Those that wait in that dialog are not sent. */
  drop(dialogId: string): void {
    for (const one of this.lost) if (one[0].dialogId === dialogId) this.lost.delete(one);
  }

  /** The server is back. */
  again(): void {
    const lost = this.lost;
    this.lost = new Set();
    for (const [request, options] of lost) void this.send(request, options);
  }

  /** Settles when none is under way any more, or after so long. */
  async over(maxMs: number): Promise<void> {
    await doneWithin(Promise.all(this.underWay.keys()), maxMs);
  }
}
