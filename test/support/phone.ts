/**
 * A SIP phone that a test plays by hand: it registers, dials, rings, answers, keys digits, can be
 * watched (presence, dialog-info), and sends and hears audio. Plain Node, none of the product's
 * code: what it says and understands is a second reading of the RFCs.
 *
 *   const phone = await stage.add(Phone.open({ user: 'alice' }));
 *   const call = await phone.dial('sip:queue1@127.0.0.1:5071');
 *   await call.answered();
 *   const agent = await desk.incoming(); agent.ring(); agent.answer();
 */
import { Call, sdpFor, type CallPhone, type DialogState } from './call.ts';
import { answerChallenge, type Credentials } from './digest.ts';
import { Inbox, until, within } from './inbox.ts';
import { freePort } from './ports.ts';
import { RtpPeer } from './rtp.ts';
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
import { SipWire, type Incoming, type Sent } from './sip-wire.ts';
import type { Actor } from './stage.ts';
import { Watched } from './watched.ts';

export interface PhoneOptions {
  readonly user: string;
  readonly name?: string;
  /** The host of its address of record; default: the phone itself. */
  readonly domain?: string;
  /** Outbound proxy and registrar, `sip:host:port`; default: requests go where they are aimed. */
  readonly proxy?: string;
  readonly credentials?: Credentials;
  readonly transport?: 'udp' | 'tcp';
}

export interface DialOptions {
  readonly codecs?: readonly string[];
  /** Body instead of the usual SDP, with its type. */
  readonly body?: { readonly type: string; readonly text: string };
  readonly headers?: readonly [string, string][];
  readonly callId?: string;
  /** Contact instead of the phone's own: the name of another device. */
  readonly contact?: string;
}

export class Phone implements Actor, CallPhone {
  readonly wire: SipWire;
  readonly aor: string;
  readonly contact: string;
  readonly watched: Watched;
  /** Calls that came in and were not yet taken by `incoming`. */
  readonly ringing = new Inbox<Call>('incoming calls', (call) => header(call.invite, 'From'));
  /** Requests of no call and no subscription, answered 200: OPTIONS, MESSAGE … */
  readonly others: SipMessage[] = [];
  /** What an INVITE gets at once; null: it waits for the test. */
  onCall: ((call: Call) => void) | null = null;
  /** Shows `ringing` and `inuse` to watchers by itself, as a PBX does. */
  showsCalls = true;
  /** Every call ever made or received. */
  readonly history: Call[] = [];

  private readonly options: PhoneOptions;
  private readonly calls = new Map<string, Call>();
  private queue: Promise<void> = Promise.resolve();
  private registerSeq = 0;
  private readonly registerCallId: string;

  private constructor(options: PhoneOptions, wire: SipWire) {
    this.options = options;
    this.wire = wire;
    const home = `${wire.host}:${wire.port}`;
    this.aor = `sip:${options.user}@${options.domain ?? home}`;
    const transport = options.transport === 'tcp' ? ';transport=tcp' : '';
    this.contact = `sip:${options.user}@${home}${transport}`;
    this.watched = new Watched(this);
    this.registerCallId = `${wire.newId()}@${wire.host}`;
    // One after the other: a CANCEL must find the call whose INVITE is still being set up.
    wire.onRequest = (incoming) => {
      this.queue = this.queue.then(async () => this.receive(incoming));
    };
    wire.onDialog = (message) => this.receiveForDialog(message);
  }

  static async open(options: PhoneOptions): Promise<Phone> {
    return new Phone(options, await SipWire.open(await freePort()));
  }

  // --- Actor -------------------------------------------------------------------------------

  /** Ends what calls are left, as a phone does that is switched off, and closes. */
  async stop(): Promise<void> {
    const left = [...this.calls.values()].map(async (call) => call.drop());
    await within('calls to end', Promise.all(left), 2_000).catch((trouble: Error) =>
      this.wire.trace.push(`-- ${trouble.message}`),
    );
    for (const call of this.history) call.rtp.close();
    await this.wire.close();
  }

  trace(): { name: string; text: string } {
    return { name: `phone-${this.options.user}.sip.txt`, text: this.wire.trace.join('\n') };
  }

  // --- what a person does ------------------------------------------------------------------

  /** Registers at the proxy; gives the final status. */
  async register(seconds = 300): Promise<number> {
    const proxy = this.options.proxy;
    if (proxy === undefined) throw new Error('no proxy to register at');
    const message: SipMessage = {
      start: `REGISTER sip:${this.options.domain ?? target(proxy).host} SIP/2.0`,
      headers: [
        ['Max-Forwards', '70'],
        ['From', `<${this.aor}>;tag=${this.wire.newId()}`],
        ['To', `<${this.aor}>`],
        ['Call-ID', this.registerCallId],
        ['CSeq', `${(this.registerSeq += 1)} REGISTER`],
        ['Contact', `<${this.contact}>`],
        ['Expires', String(seconds)],
      ],
      body: '',
    };
    const response = await this.submit(message, this.hop(proxy));
    this.registerSeq = Math.max(this.registerSeq, cseqOf(response));
    return statusOf(response);
  }

  /** Sends an INVITE; the call is followed with `answered`, `provisional`, `status`. */
  async dial(uri: string, options: DialOptions = {}): Promise<Call> {
    const rtp = await RtpPeer.open();
    const codecs = options.codecs ?? ['PCMU'];
    const body = options.body ?? { type: 'application/sdp', text: sdpFor(rtp, codecs) };
    const name = this.options.name === undefined ? '' : `"${this.options.name}" `;
    const dialog: DialogState = {
      callId: options.callId ?? `${this.wire.newId()}@${this.wire.host}`,
      local: `${name}<${this.aor}>;tag=${this.wire.newId()}`,
      remote: `<${uri}>`,
      remoteTarget: uri,
      routes: [],
      seq: 1,
    };
    const invite: SipMessage = {
      start: `INVITE ${uri} SIP/2.0`,
      headers: [
        ['Max-Forwards', '70'],
        ['From', dialog.local],
        ['To', dialog.remote],
        ['Call-ID', dialog.callId],
        ['CSeq', '1 INVITE'],
        ['Contact', options.contact ?? `<${this.contact}>`],
        ['Allow', 'INVITE, ACK, CANCEL, BYE, INFO, UPDATE, OPTIONS, NOTIFY'],
        ...(options.headers ?? []),
        ...(body.text === '' ? [] : [['Content-Type', body.type] as [string, string]]),
      ],
      body: body.text,
    };
    const call = new Call(this, rtp, invite, dialog, null);
    call.codecs = codecs;
    call.hop = this.hop(this.options.proxy ?? uri);
    rtp.codec = codecs[0] === 'PCMA' ? 'alaw' : 'ulaw';
    this.calls.set(dialog.callId, call);
    this.history.push(call);
    this.showCalls();
    const follow = (sent: Sent) => call.follow(sent);
    void this.submit(invite, call.hop, follow).then(
      (response) => {
        dialog.seq = cseqOf(response);
        call.concluded(response);
      },
      (trouble: Error) => {
        this.wire.trace.push(`-- ${trouble.message}`);
        call.finish('refused');
      },
    );
    return call;
  }

  /** The next call that rings here. */
  async incoming(ms = 10_000): Promise<Call> {
    return this.ringing.take('call', () => true, ms);
  }

  /** The call number `index` of its history, made or received, once there are so many. */
  async dialled(index: number, ms?: number): Promise<Call> {
    await until(
      `${index + 1} calls`,
      () => this.history.length,
      (count) => count > index,
      ms,
    );
    return this.history[index] as Call;
  }

  // --- CallPhone ---------------------------------------------------------------------------

  async submit(
    message: SipMessage,
    to: HostPort,
    follow?: (sent: Sent) => void,
  ): Promise<SipMessage> {
    const bare = [...message.headers];
    const sent = this.wire.request(message, to);
    follow?.(sent);
    const response = await sent.final;
    const challenge =
      header(response, 'WWW-Authenticate') || header(response, 'Proxy-Authenticate');
    const who = this.options.credentials;
    if (challenge === '' || who === undefined) return response;
    const method = methodOf(message);
    const isProxy = statusOf(response) === 407;
    message.headers = bare.map(([name, value]) =>
      name === 'CSeq' ? [name, `${cseqOf(message) + 1} ${method}`] : [name, value],
    );
    message.headers.push([
      isProxy ? 'Proxy-Authorization' : 'Authorization',
      answerChallenge(challenge, method, requestUri(message), who),
    ]);
    const again = this.wire.request(message, to);
    follow?.(again);
    return again.final;
  }

  forget(call: Call): void {
    this.calls.delete(call.callId);
    this.showCalls();
  }

  // --- what comes in -----------------------------------------------------------------------

  private hop(uri: string): HostPort {
    const { host, port, protocol } = target(uri);
    return { host, port, protocol: this.options.transport ?? protocol };
  }

  private async receive(incoming: Incoming): Promise<void> {
    const { message } = incoming;
    const method = methodOf(message);
    if (method === 'SUBSCRIBE') {
      this.watched.receive(incoming);
      return;
    }
    const call = this.calls.get(header(message, 'Call-ID'));
    if (call !== undefined) {
      if (method === 'CANCEL') call.receiveCancel(incoming);
      else call.receive(incoming);
    } else if (method === 'INVITE' && tagOf(header(message, 'To')) === '') {
      await this.receiveCall(incoming);
    } else if (method === 'CANCEL' || tagOf(header(message, 'To')) !== '') {
      incoming.respond(481, 'Call Does Not Exist', { toTag: this.wire.newId() });
    } else {
      this.others.push(message);
      incoming.respond(200, 'OK', { toTag: this.wire.newId() });
    }
  }

  private async receiveCall(incoming: Incoming): Promise<void> {
    const { message } = incoming;
    incoming.respond(100, 'Trying');
    const rtp = await RtpPeer.open();
    const dialog: DialogState = {
      callId: header(message, 'Call-ID'),
      local: `${header(message, 'To')};tag=${this.wire.newId()}`,
      remote: header(message, 'From'),
      remoteTarget: uriOf(header(message, 'Contact')),
      routes: allHeaders(message, 'Record-Route'),
      seq: 0,
    };
    const call = new Call(this, rtp, message, dialog, incoming);
    this.calls.set(dialog.callId, call);
    this.history.push(call);
    this.showCalls();
    void call.final.then(() => this.showCalls());
    if (this.onCall === null) this.ringing.put(call);
    else this.onCall(call);
  }

  private receiveForDialog(message: SipMessage): void {
    const call = this.calls.get(header(message, 'Call-ID'));
    if (call === undefined) return;
    if (methodOf(message) === 'ACK') call.resolveAcked();
    else call.acknowledge(message);
  }

  private showCalls(): void {
    if (!this.showsCalls || this.watched.shown === 'unavailable') return;
    const live = [...this.calls.values()];
    const isTalking = live.some((call) => !call.isIncoming || call.answeredAt > 0);
    const shown = isTalking ? 'inuse' : live.length > 0 ? 'ringing' : 'idle';
    if (shown !== this.watched.shown) void this.watched.show(shown);
  }
}
