/**
 * The telephone network of the demo: gives each phone its address, dials for it, and brings it
 * what comes in. A call that rings belongs to the phone named in the Request-URI.
 */
import { createClient, dialogIdOf, newTag } from '../../sip/client.ts';
import type { InviteHandle, SipClient } from '../../sip/client.ts';
import { dialogIdFor } from '../../sip/context.ts';
import type { IncomingRequest } from '../../sip/port.ts';
import type { House } from './house.ts';
import type { LineWorld } from './line.ts';
import { Line } from './line.ts';

/** A call that rings at a phone. */
export interface Ring {
  readonly invite: IncomingRequest;
  /** Moment of arrival, `performance.now()`. */
  readonly at: number;
  /** Call-ID of the caller, as the ACD tells it. */
  readonly caller: string;
  readonly line: Line;
}

export interface Extension {
  ring(ring: Ring): void;
  /** False: it cannot be watched. */
  subscribe(request: IncomingRequest): boolean;
}

export type Dialled =
  | { readonly ok: true; readonly line: Line; readonly ackAt: number; readonly callId: string }
  | { readonly ok: false; readonly detail: string };

export interface DialOptions {
  /** User part of the phone's own address. */
  readonly user: string;
  readonly name: string;
  readonly to: string;
  /** Taken back when this settles before the answer. */
  readonly givesUp?: Promise<unknown>;
}

/** The ACD answers at once, or refuses. */
const ANSWER_MS = 10_000;

export class Exchange {
  readonly client: SipClient;
  private readonly house: House;
  private readonly world: LineWorld;
  private readonly extensions = new Map<string, Extension>();
  private serial = 0;

  constructor(house: House) {
    this.house = house;
    // Its phones have no accounts.
    this.client = createClient(house.stack, { has: () => false });
    this.world = { client: this.client, lines: new Map(), media: house.media };
    house.stack.onRequest((request) => this.take(request));
  }

  plug(user: string, extension: Extension): void {
    this.extensions.set(user, extension);
  }

  addressOf(user: string): string {
    const { host, port } = this.house.phones;
    return `sip:${user}@${host}:${port}`;
  }

  async dial({ user, name, to, givesUp }: DialOptions): Promise<Dialled> {
    const { host, port } = this.house.sip;
    const identity = { callId: `${newTag()}@${host}`, fromTag: newTag() };
    const line = this.line(dialogIdOf(identity));
    const body = await line.offer(host);
    if (body === null) return this.failed(line, 'no audio');
    const uri = `sip:${to}@${host}:${port}`;
    const headers = {
      'Call-ID': identity.callId,
      From: `"${name}" <${this.addressOf(user)}>;tag=${identity.fromTag}`,
      To: `<${uri}>`,
      Contact: `<${this.addressOf(user)}>`,
      'Content-Type': 'application/sdp',
    };
    const request = { method: 'INVITE', uri, headers, body };
    const options = { credentials: null, deadlineMs: ANSWER_MS };
    const handle: InviteHandle = this.client.invite(request, identity, options);
    void givesUp?.then(() => handle.cancel());
    const outcome = await handle.outcome;
    const ackAt = performance.now();
    if (outcome.kind !== 'answered') {
      const detail = outcome.kind === 'refused' ? String(outcome.response.status) : outcome.kind;
      return this.failed(line, detail);
    }
    await line.talk(outcome.sdp);
    return { ok: true, line, ackAt, callId: identity.callId };
  }

  /** Hangs up every phone. */
  hangUpAll(): void {
    for (const line of [...this.world.lines.values()]) line.hangUp();
  }

  private line(dialogId: string): Line {
    this.serial += 1;
    return new Line(this.world, `phone-${this.serial}`, dialogId);
  }

  private failed(line: Line, detail: string): Dialled {
    line.finish('lost');
    line.release();
    return { ok: false, detail };
  }

  private take(request: IncomingRequest): void {
    const at = performance.now();
    const line = this.world.lines.get(request.dialogId);
    if (line !== undefined) {
      line.take(request);
      return;
    }
    const user = /^sip:([^@;>]+)@/.exec(request.uri)?.[1] ?? '';
    const extension = this.extensions.get(decodeURIComponent(user));
    if (request.method === 'INVITE' && extension !== undefined) this.ring(extension, request, at);
    else if (request.method === 'SUBSCRIBE' && extension !== undefined) {
      if (!extension.subscribe(request)) void request.respond({ status: 489, reason: 'Bad Event' });
    } else if (request.method === 'OPTIONS') void request.respond({ status: 200, reason: 'OK' });
    else if (request.method === 'BYE')
      // Ours crossed theirs.
      void request.respond({ status: 481, reason: 'Call/Transaction Does Not Exist' });
    else if (request.method !== 'ACK') void request.respond({ status: 404, reason: 'Not Found' });
  }

  private ring(extension: Extension, invite: IncomingRequest, at: number): void {
    const line = this.line(dialogIdFor(invite));
    invite.onCancel(() => line.finish('cancelled'));
    extension.ring({ invite, at, caller: invite.header('X-Call-Id'), line });
  }
}
