/**
 * A SIP user agent that does exactly what a test tells it, right or wrong: bytes out, messages in,
 * over UDP or TCP. Nothing is answered or acknowledged by itself, nor repeated but by `ask`.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket as TcpSocket } from 'node:net';
import { once } from 'node:events';

const DEADLINE_MS = 12_000;
/** First lines of messages told when an awaited one did not come. */
const TOLD_ON_FAILURE = 20;
/** RFC 3261 section 17.1.2.1: timer E, how often a request is repeated over UDP. */
const T1_MS = 500;
const T2_MS = 4_000;

export function headerOf(text: string, name: string): string {
  const found = new RegExp(`^${name}[ \\t]*:[ \\t]*(.*)$`, 'im').exec(
    text.split('\r\n\r\n')[0] ?? '',
  );
  return (found?.[1] ?? '').trim();
}

export function headersOf(text: string, name: string): string[] {
  const head = text.split('\r\n\r\n')[0] ?? '';
  return [...head.matchAll(new RegExp(`^${name}[ \\t]*:[ \\t]*(.*)$`, 'gim'))].map((match) =>
    (match[1] ?? '').trim(),
  );
}

export function bodyOf(text: string): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

export function statusOf(text: string): number {
  return Number(/^SIP\/2\.0 (\d{3})/.exec(text)?.[1] ?? 0);
}

export function methodOf(text: string): string {
  return /^([A-Z]+) \S+ SIP\/2\.0/.exec(text)?.[1] ?? '';
}

export function tagOf(value: string): string {
  return /;tag=([^;\s]+)/.exec(value)?.[1] ?? '';
}

export function isRequest(method: string): (text: string) => boolean {
  return (text) => methodOf(text) === method;
}

export function isStatus(status: number, method = ''): (text: string) => boolean {
  return (text) => statusOf(text) === status && headerOf(text, 'CSeq').endsWith(method);
}

export const SDP =
  'v=0\r\no=raw 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n' +
  'm=audio 30000 RTP/AVP 0\r\n';

let counter = 0;

export function unique(prefix: string): string {
  counter += 1;
  return `${prefix}${process.pid}x${counter}`;
}

export interface RequestOptions {
  uri?: string;
  callId?: string;
  from?: string;
  to?: string;
  cseq?: number;
  branch?: string;
  contact?: string;
  extra?: string[];
  body?: string;
  via?: string;
}

interface Waiter {
  match: (text: string) => boolean;
  resolve: (text: string) => void;
}

abstract class Agent {
  /** Everything that came and was not yet asked for. */
  readonly inbox: string[] = [];
  /** Everything that ever came. */
  readonly all: string[] = [];
  private waiters: Waiter[] = [];
  abstract readonly host: string;
  abstract port: number;
  abstract readonly transport: 'UDP' | 'TCP';
  abstract send(text: string): void;
  abstract close(): void;

  protected take(text: string): void {
    this.all.push(text);
    const at = this.waiters.findIndex((waiter) => waiter.match(text));
    if (at < 0) this.inbox.push(text);
    else this.waiters.splice(at, 1)[0]?.resolve(text);
  }

  /** The next message that matches, already here or yet to come. */
  async next(
    match: (text: string) => boolean,
    what = 'message',
    ms = DEADLINE_MS,
  ): Promise<string> {
    const at = this.inbox.findIndex(match);
    if (at >= 0) return this.inbox.splice(at, 1)[0] ?? '';
    return await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiters = this.waiters.filter((one) => one !== waiter);
        reject(new Error(`no ${what} came within ${ms} ms; ${this.seen()}`));
      }, ms);
      const waiter: Waiter = {
        match,
        resolve: (text) => {
          clearTimeout(timer);
          resolve(text);
        },
      };
      this.waiters.push(waiter);
    });
  }

  /** How much came, and how the last of it began. */
  private seen(): string {
    const heads = this.all.slice(-TOLD_ON_FAILURE).map((text) => text.split('\r\n')[0]);
    return `of ${this.all.length} messages the last were: ${heads.join(' | ')}`;
  }

  /**
   * Sends a request as a real agent does: over UDP it is repeated until what is awaited comes
   * (RFC 3261 section 17.1), for one datagram that gets lost proves nothing.
   */
  async ask(
    request: string,
    match: (text: string) => boolean,
    what: string,
    ms = DEADLINE_MS,
  ): Promise<string> {
    let wait = T1_MS;
    let timer: NodeJS.Timeout | undefined;
    const repeat = (): void => {
      this.send(request);
      timer = setTimeout(repeat, wait);
      wait = Math.min(wait * 2, T2_MS);
    };
    this.send(request);
    if (this.transport === 'UDP') timer = setTimeout(repeat, wait);
    try {
      return await this.next(match, what, ms);
    } finally {
      clearTimeout(timer);
    }
  }

  get contact(): string {
    const transport = this.transport === 'TCP' ? ';transport=tcp' : '';
    return `<sip:raw@${this.host}:${this.port}${transport}>`;
  }

  request(method: string, options: RequestOptions = {}): string {
    const branch = options.branch ?? `z9hG4bK${unique('b')}`;
    const place = `${this.host}:${this.port}`;
    const uri = options.uri ?? 'sip:queue@acd';
    const body = options.body ?? '';
    const lines = [
      `${method} ${uri} SIP/2.0`,
      options.via ?? `Via: SIP/2.0/${this.transport} ${place};branch=${branch};rport`,
      'Max-Forwards: 70',
      `From: ${options.from ?? `<sip:raw@${place}>;tag=${unique('f')}`}`,
      `To: ${options.to ?? `<${uri}>`}`,
      `Call-ID: ${options.callId ?? unique('call')}`,
      `CSeq: ${options.cseq ?? 1} ${method}`,
      `Contact: ${options.contact ?? this.contact}`,
      ...(options.extra ?? []),
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    return `${lines.join('\r\n')}\r\n\r\n${body}`;
  }

  /** A later request of ours in the dialog an INVITE of ours and its answer made. */
  inDialog(method: string, invite: string, ok: string, options: RequestOptions = {}): string {
    const uri = /<([^>]+)>/.exec(headerOf(ok, 'Contact'))?.[1] ?? 'sip:nowhere.invalid';
    return this.request(method, {
      uri,
      callId: headerOf(invite, 'Call-ID'),
      from: headerOf(invite, 'From'),
      to: headerOf(ok, 'To'),
      ...options,
    });
  }

  response(
    request: string,
    status: number,
    options: { tag?: string; extra?: string[]; body?: string; contact?: string } = {},
  ): string {
    const to = headerOf(request, 'To');
    const body = options.body ?? '';
    const withTag = tagOf(to) === '' && status > 100 ? `${to};tag=${options.tag ?? 'raw'}` : to;
    const lines = [
      `SIP/2.0 ${status} Whatever`,
      ...headersOf(request, 'Via').map((via) => `Via: ${via}`),
      ...headersOf(request, 'Record-Route').map((route) => `Record-Route: ${route}`),
      `From: ${headerOf(request, 'From')}`,
      `To: ${withTag}`,
      `Call-ID: ${headerOf(request, 'Call-ID')}`,
      `CSeq: ${headerOf(request, 'CSeq')}`,
      ...(status > 100 && status < 300 ? [`Contact: ${options.contact ?? this.contact}`] : []),
      ...(options.extra ?? []),
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    return `${lines.join('\r\n')}\r\n\r\n${body}`;
  }
}

export class RawUdp extends Agent {
  readonly host = '127.0.0.1';
  readonly transport = 'UDP';
  port = 0;
  private readonly socket: UdpSocket = createSocket('udp4');
  private readonly peerPort: number;

  private constructor(peerPort: number) {
    super();
    this.peerPort = peerPort;
  }

  /** @param peerPort where `send` sends to */
  static async open(peerPort: number): Promise<RawUdp> {
    const agent = new RawUdp(peerPort);
    agent.socket.bind(0, agent.host);
    await once(agent.socket, 'listening');
    agent.port = agent.socket.address().port;
    agent.socket.on('message', (data) => {
      agent.take(data.toString());
    });
    return agent;
  }

  send(text: string | Buffer): void {
    this.socket.send(text, this.peerPort, this.host);
  }

  close(): void {
    this.socket.close();
  }
}

export class RawTcp extends Agent {
  readonly host = '127.0.0.1';
  readonly transport = 'TCP';
  port = 0;
  /** Empty lines that came between messages. */
  pongs = 0;
  readonly socket: TcpSocket;
  private pending = '';

  private constructor(socket: TcpSocket) {
    super();
    this.socket = socket;
  }

  static async open(peerPort: number): Promise<RawTcp> {
    const socket = connect({ host: '127.0.0.1', port: peerPort, noDelay: true });
    await once(socket, 'connect');
    const agent = new RawTcp(socket);
    agent.port = socket.localPort ?? 0;
    socket.on('data', (data) => {
      agent.pending += data.toString();
      agent.cut();
    });
    return agent;
  }

  private cut(): void {
    for (;;) {
      if (this.pending.startsWith('\r\n')) {
        this.pongs += 1;
        this.pending = this.pending.slice(2);
        this.socket.emit('pong');
        continue;
      }
      const end = this.pending.indexOf('\r\n\r\n');
      if (end < 0) return;
      const total = end + 4 + Number(headerOf(this.pending, 'Content-Length'));
      if (this.pending.length < total) return;
      this.take(this.pending.slice(0, total));
      this.pending = this.pending.slice(total);
    }
  }

  send(text: string): void {
    this.socket.write(text);
  }

  close(): void {
    this.socket.destroy();
  }
}
