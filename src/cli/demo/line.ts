/**
 * One call on a simulated phone: its dialog on the phones' SIP server and its leg on the phones'
 * audio process. Answers what the ACD asks in the dialog, speaks from the first moment (music
 * stands for a voice), and tells once how it ended.
 */
import { Later } from '../../shared/later.ts';
import type { MediaPort } from '../../media/port.ts';
import type { SipClient } from '../../sip/client.ts';
import { TRANSACTION_DEADLINE_MS } from '../../sip/client.ts';
import { SDP } from '../../sip/context.ts';
import type { Headers, IncomingRequest, Responded } from '../../sip/port.ts';

export type LineEnd = 'we' | 'they' | 'cancelled' | 'lost';

export interface LineWorld {
  readonly client: SipClient;
  /** Lines by dialog id: whose in-dialog requests are. Bounded by the number of phones. */
  readonly lines: Map<string, Line>;
  readonly media: MediaPort;
}

const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, SUBSCRIBE';
/** The voice of a phone: any class of the manifest will do, as nobody listens to the words. */
const VOICE = 'default';

export class Line {
  readonly leg: string;
  readonly dialogId: string;
  /** Settles once, when the call is over. The leg is there until `release`. */
  readonly ended: Promise<LineEnd>;
  /** Settles when the other side has confirmed our 200. */
  readonly acknowledged: Promise<void>;
  private readonly world: LineWorld;
  private readonly end = new Later<LineEnd>();
  private readonly ack = new Later<void>();
  private isOver = false;

  constructor(world: LineWorld, leg: string, dialogId: string) {
    this.world = world;
    this.leg = leg;
    this.dialogId = dialogId;
    this.ended = this.end.promise;
    this.acknowledged = this.ack.promise;
    world.lines.set(dialogId, this);
  }

  get isEnded(): boolean {
    return this.isOver;
  }

  /** Our SDP offer; null: the audio process gave none. */
  async offer(host: string): Promise<string | null> {
    const result = await this.world.media.offer(this.leg, host);
    return result.ok ? result.sdp : null;
  }

  /** Their answer to it: we begin to speak. */
  async talk(answer: string): Promise<void> {
    await this.world.media.answered(this.leg, answer);
    await this.world.media.music(this.leg, VOICE);
  }

  /** Picks up a phone that rings. */
  async pickUp(invite: IncomingRequest): Promise<Responded> {
    const sdp = await this.world.media.accept(this.leg, invite.body);
    if (!sdp.ok) {
      this.finish('lost');
      return invite.respond({ status: 503, reason: 'Media Unavailable' });
    }
    const headers: Headers = { Allow: ALLOW, 'Content-Type': SDP };
    const done = await invite.respond({ status: 200, reason: 'OK', headers, body: sdp.sdp });
    if (done.ok) await this.world.media.music(this.leg, VOICE);
    else this.finish('cancelled');
    return done;
  }

  /** Hangs up; gives the moment in which the BYE left. */
  hangUp(): number {
    const at = performance.now();
    if (this.isOver) return at;
    this.finish('we');
    const bye = { method: 'BYE', dialogId: this.dialogId };
    void this.world.client.request(bye, {
      credentials: null,
      deadlineMs: TRANSACTION_DEADLINE_MS,
    });
    return at;
  }

  /** The call came to nothing; there is nobody to say BYE to. */
  finish(end: LineEnd): void {
    if (this.isOver) return;
    this.isOver = true;
    this.world.lines.delete(this.dialogId);
    this.end.settle(end);
    this.ack.settle();
  }

  release(): void {
    void this.world.media.release(this.leg);
  }

  /** A request in the dialog. */
  take(request: IncomingRequest): void {
    switch (request.method) {
      case 'ACK':
        this.ack.settle();
        return;
      case 'BYE':
        void request.respond({ status: 200, reason: 'OK' });
        this.finish(request.source === 'server' ? 'lost' : 'they');
        return;
      case 'INVITE':
      case 'UPDATE':
        void this.renew(request);
        return;
      default:
        void request.respond({ status: 200, reason: 'OK', headers: { Allow: ALLOW } });
    }
  }

  private async renew(request: IncomingRequest): Promise<void> {
    const { media } = this.world;
    const result =
      request.body === ''
        ? await media.reoffer(this.leg)
        : await media.reoffered(this.leg, request.body);
    const hasSdp = result.ok && (request.body !== '' || request.method === 'INVITE');
    const body = hasSdp ? { headers: { 'Content-Type': SDP }, body: result.sdp } : {};
    if (result.ok) await request.respond({ status: 200, reason: 'OK', ...body });
    else await request.respond({ status: 488, reason: 'Not Acceptable Here' });
  }
}
