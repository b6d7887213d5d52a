/**
 * One call of a test phone: an INVITE dialog either way, with audio. The test steers it step by
 * step: `ring`, `answer`, `reject`, `bye`, `cancel`, `info`.
 */
import { Inbox, within } from './inbox.ts';
import { DTMF_PAYLOAD, type RtpPeer } from './rtp.ts';
import {
  allHeaders,
  cseqOf,
  header,
  methodOf,
  requestUri,
  statusOf,
  tagOf,
  target,
  uriOf,
  type HostPort,
  type SipMessage,
} from './sip-message.ts';
import type { Incoming, Sent, SipWire } from './sip-wire.ts';

export type CallEnd =
  | 'bye received'
  | 'bye sent'
  | 'cancel received'
  | 'cancel sent'
  | 'rejected' // by us
  | 'refused'; // by the peer: see `final`

/** What a dialog must remember (RFC 3261 section 12). */
export interface DialogState {
  readonly callId: string;
  readonly local: string;
  remote: string;
  remoteTarget: string;
  routes: string[];
  seq: number;
}

export interface CallPhone {
  readonly wire: SipWire;
  readonly contact: string;
  readonly aor: string;
  /** Sends a request, answering one challenge; gives the final response. */
  submit(message: SipMessage, to: HostPort): Promise<SipMessage>;
  forget(call: Call): void;
}

export function sdpFor(rtp: RtpPeer, codecs: readonly string[], version = 1): string {
  const rows: Record<string, string> = {
    PCMU: '0', PCMA: '8', G722: '9', opus: '96',
  }; // prettier-ignore
  const payloads = codecs.map((codec) => rows[codec] ?? '97');
  return [
    'v=0',
    `o=phone 4711 ${version} IN IP4 127.0.0.1`,
    's=-',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    `m=audio ${rtp.port} RTP/AVP ${[...payloads, DTMF_PAYLOAD].join(' ')}`,
    ...codecs.map((codec) => `a=rtpmap:${rows[codec] ?? '97'} ${codec}/${clock(codec)}`),
    `a=rtpmap:${DTMF_PAYLOAD} telephone-event/8000`,
    `a=fmtp:${DTMF_PAYLOAD} 0-15`,
    'a=ptime:20',
    'a=sendrecv',
    '',
  ].join('\r\n');
}

function clock(codec: string): string {
  return codec === 'opus' ? '48000/2' : '8000';
}

export class Call {
  readonly rtp: RtpPeer;
  readonly dialog: DialogState;
  readonly isIncoming: boolean;
  /** The INVITE that made it. */
  readonly invite: SipMessage;
  /** 18x received, in order. */
  readonly provisionals: SipMessage[] = [];
  /** re-INVITEs and UPDATEs received after the answer: a caller must never see one. */
  readonly reoffers: SipMessage[] = [];
  /** What an offer of the peer's is refused with; null: it is accepted. */
  onReoffer: (() => { readonly status: number; readonly reason: string } | null) | null = null;
  /** Answers in the moment in which it is cancelled, as when 200 and CANCEL cross on the way. */
  crossesCancel = false;
  /** Methods it does not know. */
  readonly refuses = new Set<string>();
  /** Other in-dialog requests received. */
  readonly requests: SipMessage[] = [];
  private readonly untaken = new Inbox<SipMessage>('in-dialog requests', methodOf);
  /** Settles with the final response; for incoming calls with the one we gave. */
  readonly final: Promise<SipMessage>;
  /** Settles when the peer's ACK for our 200 has come. */
  readonly acked: Promise<void>;
  /** Settles when the call is over, either way. */
  readonly ended: Promise<CallEnd>;
  end: CallEnd | null = null;
  /** The request that ended it, where the peer sent one: for its Reason header. */
  endedBy: SipMessage | null = null;
  /** When it was answered, ms since the epoch. */
  answeredAt = 0;
  /** SDP codecs offered or answered. */
  codecs: readonly string[] = ['PCMU'];

  readonly resolveAcked: () => void;
  private readonly phone: CallPhone;
  private readonly incoming: Incoming | null;
  private sent: Sent | null = null;
  private sdpVersion = 1;
  private resolveFinal: (response: SipMessage) => void = () => undefined;
  private resolveEnded: (end: CallEnd) => void = () => undefined;
  private hearProvisional: ((response: SipMessage) => void)[] = [];

  constructor(
    phone: CallPhone,
    rtp: RtpPeer,
    invite: SipMessage,
    dialog: DialogState,
    incoming: Incoming | null,
  ) {
    this.phone = phone;
    this.rtp = rtp;
    this.invite = invite;
    this.dialog = dialog;
    this.incoming = incoming;
    this.isIncoming = incoming !== null;
    this.final = new Promise((resolve) => (this.resolveFinal = resolve));
    this.ended = new Promise((resolve) => (this.resolveEnded = resolve));
    let acked: () => void = () => undefined;
    this.acked = new Promise((resolve) => (acked = resolve));
    this.resolveAcked = acked;
    if (incoming !== null) this.aim(invite);
  }

  /** The phone it is on. */
  get owner(): CallPhone {
    return this.phone;
  }

  get callId(): string {
    return this.dialog.callId;
  }

  // --- calls we make -----------------------------------------------------------------------

  /** Follows the INVITE that the phone has sent. A repeated one (after 401) replaces it. */
  follow(sent: Sent): void {
    this.sent = sent;
    sent.onProvisional((response) => {
      this.provisionals.push(response);
      for (const hear of this.hearProvisional) hear(response);
    });
  }

  /** The final response has come (the phone has dealt with challenges). */
  concluded(response: SipMessage): void {
    const status = statusOf(response);
    if (status < 300) {
      this.dialog.remote = header(response, 'To');
      this.dialog.remoteTarget = uriOf(header(response, 'Contact'));
      this.dialog.routes = allHeaders(response, 'Record-Route').reverse();
      this.answeredAt = Date.now();
      this.aim(response);
    } else {
      this.finish(this.end ?? 'refused');
    }
    this.resolveFinal(response);
  }

  /** Waits for an 18x (or a particular status). */
  async provisional(status = 0, ms = 10_000): Promise<SipMessage> {
    const fits = (response: SipMessage) => status === 0 || statusOf(response) === status;
    const had = this.provisionals.find(fits);
    if (had !== undefined) return had;
    const heard = new Promise<SipMessage>((resolve) =>
      this.hearProvisional.push((response) => fits(response) && resolve(response)),
    );
    return within(`${status || '18x'} for ${this.invite.start}`, heard, ms);
  }

  /** Waits until it is answered; throws on a failure answer. */
  async answered(ms = 15_000): Promise<this> {
    const response = await within(`answer to ${this.invite.start}`, this.final, ms);
    if (statusOf(response) >= 300) throw new Error(`${this.invite.start}: ${response.start}`);
    return this;
  }

  /** Waits for the final status, whatever it is. */
  async status(ms = 15_000): Promise<number> {
    return statusOf(await within(`answer to ${this.invite.start}`, this.final, ms));
  }

  /** CANCELs the INVITE (RFC 3261 section 9.1); settles with the status of the CANCEL. */
  async cancel(): Promise<number> {
    if (this.sent === null) throw new Error('nothing to cancel');
    this.end = 'cancel sent';
    const invite = this.invite;
    const uri = requestUri(invite);
    const cancel: SipMessage = {
      start: `CANCEL ${uri} SIP/2.0`,
      headers: [
        ['Max-Forwards', '70'],
        ['From', header(invite, 'From')],
        ['To', header(invite, 'To')],
        ['Call-ID', this.callId],
        ['CSeq', `${cseqOf(invite)} CANCEL`],
        ...allHeaders(invite, 'Route').map((value): [string, string] => ['Route', value]),
      ],
      body: '',
    };
    const sent = this.phone.wire.request(cancel, this.firstHop(), this.sent.branch);
    return statusOf(await sent.final);
  }

  /** Where the INVITE was sent. */
  hop: HostPort | null = null;
  private firstHop(): HostPort {
    return this.hop ?? target(requestUri(this.invite));
  }

  // --- calls we get ------------------------------------------------------------------------

  ring(status = 180, reason = 'Ringing'): void {
    this.respond(status, reason);
  }

  /** Answers with 200 and SDP; `silent` leaves the RTP socket deaf and dumb. */
  answer(codecs: readonly string[] = this.codecs): void {
    this.codecs = codecs;
    this.answeredAt = Date.now();
    this.rtp.codec = codecs[0] === 'PCMA' ? 'alaw' : 'ulaw';
    const response = this.respond(200, 'OK', sdpFor(this.rtp, codecs));
    this.resolveFinal(response);
  }

  reject(status: number, reason: string): void {
    this.resolveFinal(this.respond(status, reason));
    this.finish('rejected');
  }

  busy(): void {
    this.reject(486, 'Busy Here');
  }

  decline(): void {
    this.reject(603, 'Decline');
  }

  private respond(status: number, reason: string, body = ''): SipMessage {
    if (this.incoming === null) throw new Error('not an incoming call');
    const headers: [string, string][] = [['Contact', `<${this.phone.contact}>`]];
    if (body !== '') headers.push(['Content-Type', 'application/sdp']);
    return this.incoming.respond(status, reason, {
      headers,
      body,
      toTag: tagOf(this.dialog.local),
    });
  }

  // --- both --------------------------------------------------------------------------------

  async bye(): Promise<SipMessage> {
    this.end ??= 'bye sent';
    const response = await this.send('BYE');
    this.finish('bye sent');
    return response;
  }

  /** Ends the call, in whatever state it is. */
  async drop(): Promise<unknown> {
    if (this.answeredAt > 0) return this.bye();
    if (this.isIncoming) return this.reject(480, 'Switched Off');
    return this.cancel();
  }

  /** Digits by SIP INFO, one request each: `dtmf-relay` or the bare `dtmf`. */
  async info(digits: string, kind: 'dtmf-relay' | 'dtmf'): Promise<void> {
    for (const digit of digits) {
      const body = kind === 'dtmf' ? digit : `Signal=${digit}\r\nDuration=160\r\n`;
      const response = await this.send('INFO', body, `application/${kind}`);
      if (statusOf(response) !== 200) throw new Error(`INFO ${digit}: ${response.start}`);
    }
  }

  /** Waits for a request of the peer other than BYE and offers. */
  async requested(method: string, ms?: number): Promise<SipMessage> {
    return this.untaken.take(method, (message) => methodOf(message) === method, ms);
  }

  /** A re-INVITE of ours, for hold and the like. */
  async reinvite(sdp: string): Promise<SipMessage> {
    return this.send('INVITE', sdp, 'application/sdp');
  }

  /**
   * Offers its audio anew, and ACKs the answer: `sendonly` and `inactive` hold, `sendrecv` ends
   * that; `nowhere` is the hold of RFC 2543, c=0.0.0.0 (RFC 3264 §8.4).
   */
  async offerAnew(
    direction: 'sendrecv' | 'sendonly' | 'inactive' | 'nowhere',
  ): Promise<SipMessage> {
    const sdp = sdpFor(this.rtp, this.codecs, (this.sdpVersion += 1));
    return this.reinvite(
      direction === 'nowhere'
        ? sdp.replace('c=IN IP4 127.0.0.1', 'c=IN IP4 0.0.0.0')
        : sdp.replace('a=sendrecv', `a=${direction}`),
    );
  }

  /** Any request within the dialog. */
  async send(method: string, body = '', contentType = ''): Promise<SipMessage> {
    const message = this.inDialog(method, (this.dialog.seq += 1));
    if (contentType !== '') message.headers.push(['Content-Type', contentType]);
    message.body = body;
    return this.phone.submit(message, this.nextHop());
  }

  /** How far the call is that a REFER of the peer's has asked for (RFC 3515 §2.4.5). */
  async notify(line: string, state: 'active' | 'terminated'): Promise<SipMessage> {
    const message = this.inDialog('NOTIFY', (this.dialog.seq += 1));
    message.headers.push(['Event', 'refer'], ['Subscription-State', state]);
    message.headers.push(['Content-Type', 'message/sipfrag']);
    message.body = `${line}\r\n`;
    return this.phone.submit(message, this.nextHop());
  }

  /** A 2xx for an INVITE of ours, first or repeated: ACK it (RFC 3261 section 13.2.2.4). */
  acknowledge(response: SipMessage): void {
    if (this.answeredAt === 0) {
      // The first one arrives here before `concluded`: take the dialog from the response itself.
      this.dialog.remote = header(response, 'To');
      this.dialog.remoteTarget = uriOf(header(response, 'Contact'));
      this.dialog.routes = allHeaders(response, 'Record-Route').reverse();
    }
    this.phone.wire.send(this.withVia(this.inDialog('ACK', cseqOf(response))), this.nextHop());
  }

  /** A request of the peer within the dialog. */
  receive(incoming: Incoming): void {
    const method = methodOf(incoming.message);
    if (method === 'BYE') {
      incoming.respond(200, 'OK');
      this.endedBy = incoming.message;
      this.finish('bye received');
    } else if (method === 'INVITE' || method === 'UPDATE') {
      this.reoffers.push(incoming.message);
      const refusal = this.onReoffer?.() ?? null;
      if (refusal !== null) {
        incoming.respond(refusal.status, refusal.reason);
        return;
      }
      if (incoming.message.body !== '') this.aim(incoming.message);
      this.sdpVersion += 1;
      incoming.respond(200, 'OK', {
        headers: [
          ['Contact', `<${this.phone.contact}>`],
          ['Content-Type', 'application/sdp'],
        ],
        body: sdpFor(this.rtp, this.codecs, this.sdpVersion),
      });
    } else if (this.refuses.has(method)) {
      incoming.respond(501, 'Not Implemented');
    } else {
      this.requests.push(incoming.message);
      this.untaken.put(incoming.message);
      incoming.respond(200, 'OK');
    }
  }

  /** The peer's CANCEL for our ringing. */
  receiveCancel(incoming: Incoming): void {
    incoming.respond(200, 'OK', { toTag: tagOf(this.dialog.local) });
    this.endedBy = incoming.message;
    if (this.answeredAt > 0 || this.end !== null) return; // too late: our answer stands
    if (this.crossesCancel) {
      this.answer();
      return;
    }
    this.respond(487, 'Request Terminated');
    this.finish('cancel received');
  }

  finish(end: CallEnd): void {
    this.end = end;
    this.rtp.mute();
    this.phone.forget(this);
    this.resolveEnded(end);
  }

  private inDialog(method: string, seq: number): SipMessage {
    const { local, remote, callId, remoteTarget, routes } = this.dialog;
    return {
      start: `${method} ${remoteTarget} SIP/2.0`,
      headers: [
        ['Max-Forwards', '70'],
        ...routes.map((route): [string, string] => ['Route', route]),
        ['From', local],
        ['To', remote],
        ['Call-ID', callId],
        ['CSeq', `${seq} ${method}`],
        ['Contact', `<${this.phone.contact}>`],
      ],
      body: '',
    };
  }

  private withVia(message: SipMessage): SipMessage {
    const { wire } = this.phone;
    const via = `SIP/2.0/${this.nextHop().protocol.toUpperCase()} ${wire.host}:${wire.port}`;
    message.headers.unshift(['Via', `${via};rport;branch=z9hG4bK-${wire.newId()}`]);
    return message;
  }

  private nextHop(): HostPort {
    const first = this.dialog.routes[0];
    return target(first === undefined ? this.dialog.remoteTarget : uriOf(first));
  }

  /** Points our audio at the address in an SDP. */
  private aim(message: SipMessage): void {
    const port = Number(/^m=audio (\d+)/m.exec(message.body)?.[1] ?? 0);
    const host = /^c=IN IP4 (\S+)/m.exec(message.body)?.[1];
    if (port > 0 && host !== undefined) this.rtp.remote = { host, port };
  }
}
