/**
 * All agents' phones on one UDP socket in this process, in a hundred lines of plain SIP: BYE sent
 * and INVITE received are read on one clock, at the wire. They answer at once, talk for a while,
 * hang up, and note how long it takes until they are called again.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';
import type { Product } from './product.ts';

/** Loopback loses nothing, but a full receive buffer does. */
const RETRANSMIT_MS = 500;
const RETRANSMIT_MAX = 6;
const BUFFER_BYTES = 8 * 1024 * 1024;

interface Sip {
  readonly first: string;
  readonly headers: readonly string[];
  readonly port: number;
}

interface Dialog {
  readonly agent: string;
  /** Our answer, sent again when the INVITE is. */
  readonly answer: string;
  readonly invite: Sip;
  isTalking: boolean;
  timer: NodeJS.Timeout | null;
}

function parse(data: Buffer, port: number): Sip {
  const text = data.toString('latin1');
  const [first = '', ...headers] = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  return { first, headers, port };
}

function get(message: Sip, name: string): string {
  const start = `${name.toLowerCase()}:`;
  const line = message.headers.find((each) => each.toLowerCase().startsWith(start)) ?? '';
  return line.slice(start.length).trim();
}

const compose = (lines: readonly string[], body = ''): string => {
  const type = body === '' ? [] : ['Content-Type: application/sdp'];
  return [...lines, ...type, `Content-Length: ${body.length}`, '', body].join('\r\n');
};

export class Desk {
  /** From an agent's BYE to the INVITE that brings him the next caller, ms. */
  readonly waits: number[] = [];
  /** Calls answered, and those that came to nothing. */
  answered = 0;
  cancelled = 0;
  private readonly socket: dgram.Socket;
  private readonly product: Product;
  private readonly rtp: number;
  private readonly talkMs: () => number;
  private readonly dialogs = new Map<string, Dialog>();
  private readonly freeSince = new Map<string, number>();
  private serial = 0;

  private constructor(socket: dgram.Socket, product: Product, rtp: number, talkMs: () => number) {
    this.socket = socket;
    this.product = product;
    this.rtp = rtp;
    this.talkMs = talkMs;
    socket.on('message', (data, from) => this.take(data, from.port, performance.now()));
  }

  static async open(product: Product, rtp: number, talkMs: () => number): Promise<Desk> {
    const socket = dgram.createSocket('udp4');
    socket.bind(0, product.host);
    await once(socket, 'listening');
    socket.setRecvBufferSize(BUFFER_BYTES);
    return new Desk(socket, product, rtp, talkMs);
  }

  get port(): number {
    return this.socket.address().port;
  }

  close(): void {
    for (const { timer } of this.dialogs.values()) if (timer !== null) clearTimeout(timer);
    this.dialogs.clear();
    this.socket.close();
  }

  private send(text: string, port = this.product.port): void {
    this.socket.send(text, port, this.product.host);
  }

  private take(data: Buffer, port: number, at: number): void {
    const message = parse(data, port);
    const method = message.first.split(' ', 1)[0] ?? '';
    if (method === 'SIP/2.0') this.confirm(message);
    else if (method === 'INVITE') this.invited(message, at);
    else if (method === 'ACK') this.acknowledged(message);
    else if (method === 'SUBSCRIBE') this.respond(message, '489 Bad Event');
    else if (method === 'CANCEL' || method === 'BYE') {
      this.respond(message, '200 OK');
      this.end(message, method);
    } else this.respond(message, '200 OK');
  }

  private copied(message: Sip): string[] {
    const wanted = /^(via|from|call-id|cseq|record-route):/i;
    const to = get(message, 'To');
    const tag = /;tag=/.test(to) ? '' : `;tag=${get(message, 'Call-ID').slice(0, 40)}`;
    return [...message.headers.filter((line) => wanted.test(line)), `To: ${to}${tag}`];
  }

  private respond(message: Sip, status: string): void {
    this.send(compose([`SIP/2.0 ${status}`, ...this.copied(message)]), message.port);
  }

  private invited(invite: Sip, at: number): void {
    const callId = get(invite, 'Call-ID');
    const known = this.dialogs.get(callId);
    if (known !== undefined) {
      this.send(known.answer, invite.port);
      return;
    }
    const agent = /^INVITE sip:([^@]+)@/.exec(invite.first)?.[1] ?? '';
    const since = this.freeSince.get(agent);
    if (since !== undefined) this.waits.push(at - since);
    this.freeSince.delete(agent);
    const contact = `Contact: <sip:${agent}@${this.product.host}:${this.port}>`;
    const sdp = ['v=0', `o=- 1 1 IN IP4 ${this.product.host}`, 's=-']
      .concat(`c=IN IP4 ${this.product.host}`, 't=0 0', `m=audio ${this.rtp} RTP/AVP 0`, '')
      .join('\r\n');
    const answer = compose(['SIP/2.0 200 OK', ...this.copied(invite), contact], sdp);
    this.dialogs.set(callId, { agent, answer, invite, isTalking: false, timer: null });
    this.send(answer, invite.port);
  }

  private acknowledged(ack: Sip): void {
    const dialog = this.dialogs.get(get(ack, 'Call-ID'));
    if (dialog === undefined || dialog.isTalking) return;
    dialog.isTalking = true;
    this.answered += 1;
    dialog.timer = setTimeout(() => this.hangUp(dialog), this.talkMs());
  }

  private hangUp(dialog: Dialog): void {
    const { invite, agent } = dialog;
    const callId = get(invite, 'Call-ID');
    const target = /<([^>]+)>/.exec(get(invite, 'Contact'))?.[1] ?? get(invite, 'Contact');
    this.serial += 1;
    const to = get(parse(Buffer.from(`${dialog.answer}\r\n\r\n`, 'latin1'), 0), 'To');
    const bye = compose([
      `BYE ${target} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.product.host}:${this.port};branch=z9hG4bKdesk${this.serial};rport`,
      `From: ${to}`,
      `To: ${get(invite, 'From')}`,
      `Call-ID: ${callId}`,
      'CSeq: 1 BYE',
      'Max-Forwards: 70',
    ]);
    this.freeSince.set(agent, performance.now());
    this.send(bye);
    let sent = 1;
    dialog.timer = setInterval(() => {
      sent += 1;
      if (sent > RETRANSMIT_MAX) this.forget(callId);
      else this.send(bye);
    }, RETRANSMIT_MS);
  }

  /** A response to our BYE. */
  private confirm(message: Sip): void {
    if (/BYE$/.test(get(message, 'CSeq'))) this.forget(get(message, 'Call-ID'));
  }

  private end(message: Sip, method: string): void {
    const dialog = this.dialogs.get(get(message, 'Call-ID'));
    if (dialog === undefined) return;
    if (!dialog.isTalking) this.cancelled += 1;
    if (method === 'CANCEL') this.respond(dialog.invite, '487 Request Terminated');
    this.forget(get(message, 'Call-ID'));
  }

  private forget(callId: string): void {
    const timer = this.dialogs.get(callId)?.timer ?? null;
    if (timer !== null) clearTimeout(timer);
    this.dialogs.delete(callId);
  }
}
