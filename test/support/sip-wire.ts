/**
 * The wire of a test phone: UDP and TCP sockets, retransmission, and the matching of responses to
 * requests (RFC 3261 section 17, as far as a phone on loopback needs it). Every message that goes
 * by is kept with its time, for the trace that stays when a test fails.
 */
import dgram from 'node:dgram';
import net from 'node:net';
import {
  allHeaders,
  branchOf,
  cseqOf,
  header,
  methodOf,
  parseMessage,
  statusOf,
  writeMessage,
  type HostPort,
  type SipMessage,
} from './sip-message.ts';

export interface Incoming {
  readonly message: SipMessage;
  readonly from: HostPort;
  /** Answers the request; repeated by itself when the request is repeated. */
  respond(status: number, reason: string, more?: Respond): SipMessage;
}

export interface Respond {
  readonly headers?: readonly [string, string][];
  readonly body?: string;
  readonly toTag?: string;
}

export interface Sent {
  readonly branch: string;
  /** Each provisional answer above 100, as it comes. */
  onProvisional(hear: (response: SipMessage) => void): void;
  readonly final: Promise<SipMessage>;
}

interface ClientTransaction {
  provisional(response: SipMessage): void;
  final(response: SipMessage): void;
}

interface ServerTransaction {
  answer: string | null;
}

const T1 = 500;
/** A phone's memory of transactions; a test needs far fewer. */
const MAX_TRANSACTIONS = 5_000;

export class SipWire {
  readonly port: number;
  readonly host = '127.0.0.1';
  /** Every message, oldest first, with arrow and time. */
  readonly trace: string[] = [];
  /** Hears new requests (not repetitions). */
  onRequest: (incoming: Incoming) => void = () => undefined;
  /** Hears ACKs, and 2xx of INVITEs: they belong to dialogs and not to transactions. */
  onDialog: (message: SipMessage, from: HostPort) => void = () => undefined;
  /** Nothing is answered or sent any more: the phone's plug is pulled. */
  deaf = false;
  /** How often a message arrives: 0 is lost, 2 doubled; null: once, as on a sound network. */
  weather: ((way: 'in' | 'out', text: string) => number) | null = null;

  private readonly udp: dgram.Socket;
  private readonly tcp: net.Server;
  private readonly streams = new Map<string, net.Socket>();
  private readonly clients = new Map<string, ClientTransaction>();
  private readonly servers = new Map<string, ServerTransaction>();
  private readonly acked = new Set<string>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private count = 0;

  private constructor(udp: dgram.Socket, tcp: net.Server, port: number) {
    this.udp = udp;
    this.tcp = tcp;
    this.port = port;
    udp.on('message', (data, { address: host, port: fromPort }) => {
      const text = data.toString('utf8');
      const copies = this.weather?.('in', text) ?? 1;
      for (let copy = 0; copy < copies; copy += 1) {
        this.receive(text, { host, port: fromPort, protocol: 'udp' });
      }
    });
    tcp.on('connection', (stream) => this.attach(stream));
  }

  static async open(port: number): Promise<SipWire> {
    const udp = dgram.createSocket('udp4');
    const tcp = net.createServer();
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      tcp.once('error', reject);
      udp.bind(port, '127.0.0.1', () => tcp.listen(port, '127.0.0.1', () => resolve()));
    });
    return new SipWire(udp, tcp, port);
  }

  newId(): string {
    this.count += 1;
    return `${Math.random().toString(36).slice(2, 12)}${this.count}`;
  }

  /**
   * Sends a request in a transaction of its own; the top Via is put on here. A CANCEL takes the
   * branch of what it cancels (RFC 3261 section 9.1): give it as `branch`.
   */
  request(message: SipMessage, to: HostPort, branch = `z9hG4bK-${this.newId()}`): Sent {
    const method = methodOf(message);
    const key = `${branch} ${method}`;
    message.headers.unshift([
      'Via',
      `SIP/2.0/${to.protocol.toUpperCase()} ${this.host}:${this.port};rport;branch=${branch}`,
    ]);
    let hear: (response: SipMessage) => void = () => undefined;
    let quiet = false;
    const final = new Promise<SipMessage>((resolve, reject) => {
      const giveUp = this.later(64 * T1, () => {
        this.clients.delete(key);
        quiet = true;
        reject(new Error(`no final answer to ${message.start}`));
      });
      this.clients.set(key, {
        provisional: (response) => {
          quiet = true;
          if (method === 'INVITE') this.cancelTimer(giveUp); // a phone may ring for long
          if (statusOf(response) > 100) hear(response);
        },
        final: (response) => {
          quiet = true;
          this.cancelTimer(giveUp);
          if (method !== 'INVITE') this.clients.delete(key);
          else if (statusOf(response) >= 300) this.ackFailure(message, response, to);
          resolve(response);
        },
      });
    });
    this.send(message, to);
    if (to.protocol === 'udp') {
      this.repeat(
        () => this.send(message, to),
        () => quiet,
      );
    }
    return {
      branch,
      onProvisional: (listener) => {
        hear = listener;
      },
      final,
    };
  }

  /** Sends without a transaction: ACK for 2xx, and deliberate nonsense. */
  send(message: SipMessage, to: HostPort): void {
    this.sendText(writeMessage(message), to);
  }

  sendText(text: string, to: HostPort): void {
    if (this.deaf) return;
    this.note('->', to, text);
    if (to.protocol === 'udp') {
      const copies = this.weather?.('out', text) ?? 1;
      for (let copy = 0; copy < copies; copy += 1) this.udp.send(text, to.port, to.host);
      return;
    }
    const key = `${to.host}:${to.port}`;
    const known = this.streams.get(key);
    if (known !== undefined) known.write(text);
    else this.attach(net.connect(to.port, to.host), key).write(text);
  }

  /** Repeats `act` at T1, 2·T1 … (RFC 3261 timer A, G) until `done`, at most 64·T1 long. */
  private repeat(act: () => void, done: () => boolean, wait = T1, total = 0): void {
    if (total >= 64 * T1) return;
    this.later(wait, () => {
      if (done()) return;
      act();
      this.repeat(act, done, Math.min(wait * 2, 4_000), total + wait);
    });
  }

  async close(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    for (const stream of this.streams.values()) stream.destroy();
    this.udp.close();
    await new Promise<void>((resolve) => this.tcp.close(() => resolve()));
  }

  private later(ms: number, act: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, ms);
    this.timers.add(timer);
    return timer;
  }

  private cancelTimer(timer: NodeJS.Timeout): void {
    clearTimeout(timer);
    this.timers.delete(timer);
  }

  private attach(stream: net.Socket, name?: string): net.Socket {
    const key = name ?? `${stream.remoteAddress ?? '?'}:${stream.remotePort ?? 0}`;
    this.streams.set(key, stream);
    let buffer = Buffer.alloc(0);
    stream.on('data', (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (;;) {
        while (buffer.length > 0 && (buffer[0] === 13 || buffer[0] === 10)) {
          buffer = buffer.subarray(1); // keep-alive
        }
        const split = buffer.indexOf('\r\n\r\n');
        if (split < 0) return;
        const head = buffer.toString('utf8', 0, split + 4);
        const length = Number(/^(?:content-length|l)\s*:\s*(\d+)/im.exec(head)?.[1] ?? 0);
        if (buffer.length < split + 4 + length) return;
        const text = buffer.toString('utf8', 0, split + 4 + length);
        buffer = buffer.subarray(split + 4 + length);
        const [host, port] = key.split(':');
        this.receive(text, { host: host ?? '', port: Number(port), protocol: 'tcp' });
      }
    });
    stream.on('error', (trouble) => this.trace.push(`-- TCP ${key}: ${trouble.message}`));
    stream.on('close', () => this.streams.delete(key));
    return stream;
  }

  private receive(text: string, from: HostPort): void {
    if (this.deaf) return;
    this.note('<-', from, text);
    const message = parseMessage(text);
    if (message === null) return;
    if (statusOf(message) > 0) this.receiveResponse(message, from);
    else this.receiveRequest(message, from);
  }

  private receiveResponse(message: SipMessage, from: HostPort): void {
    const client = this.clients.get(`${branchOf(message)} ${methodOf(message)}`);
    if (client === undefined) return;
    const status = statusOf(message);
    if (status < 200) client.provisional(message);
    else client.final(message);
    // Every 2xx of an INVITE, first or repeated, wants an ACK from the dialog.
    if (methodOf(message) === 'INVITE' && status >= 200 && status < 300) {
      this.onDialog(message, from);
    }
  }

  private receiveRequest(message: SipMessage, from: HostPort): void {
    const method = methodOf(message);
    const key = `${branchOf(message)} ${method}`;
    const call = `${header(message, 'Call-ID')} ${cseqOf(message)}`;
    if (method === 'ACK') {
      this.acked.add(call);
      this.onDialog(message, from);
      return;
    }
    const known = this.servers.get(key);
    if (known !== undefined) {
      if (known.answer !== null) this.sendText(known.answer, from);
      return;
    }
    if (this.servers.size >= MAX_TRANSACTIONS) this.forgetOldest();
    const server: ServerTransaction = { answer: null };
    this.servers.set(key, server);
    this.onRequest({
      message,
      from,
      respond: (status, reason, more = {}) => {
        const response = this.responseTo(message, status, reason, more);
        const text = writeMessage(response);
        server.answer = text;
        this.sendText(text, from);
        if (method === 'INVITE' && status >= 200 && from.protocol === 'udp') {
          this.repeat(
            () => this.sendText(text, from),
            () => this.acked.has(call),
          );
        }
        return response;
      },
    });
  }

  /** Long over: on a phone of hours. */
  private forgetOldest(): void {
    const [oldest] = this.servers.keys();
    if (oldest !== undefined) this.servers.delete(oldest);
  }

  private responseTo(
    request: SipMessage,
    status: number,
    reason: string,
    more: Respond,
  ): SipMessage {
    const to = header(request, 'To');
    const tagged = more.toTag !== undefined && !/;\s*tag=/i.test(to) && status > 100;
    return {
      start: `SIP/2.0 ${status} ${reason}`,
      headers: [
        ...allHeaders(request, 'Via').map((value): [string, string] => ['Via', value]),
        ...allHeaders(request, 'Record-Route').map((v): [string, string] => ['Record-Route', v]),
        ['From', header(request, 'From')],
        ['To', tagged ? `${to};tag=${more.toTag}` : to],
        ['Call-ID', header(request, 'Call-ID')],
        ['CSeq', header(request, 'CSeq')],
        ...(more.headers ?? []),
      ],
      body: more.body ?? '',
    };
  }

  /** The ACK for a failure belongs to the transaction (RFC 3261 section 17.1.1.3). */
  private ackFailure(invite: SipMessage, response: SipMessage, to: HostPort): void {
    const uri = invite.start.split(' ')[1] ?? '';
    this.send(
      {
        start: `ACK ${uri} SIP/2.0`,
        headers: [
          ['Via', header(invite, 'Via')],
          ...allHeaders(invite, 'Route').map((value): [string, string] => ['Route', value]),
          ['Max-Forwards', '70'],
          ['From', header(invite, 'From')],
          ['To', header(response, 'To')],
          ['Call-ID', header(invite, 'Call-ID')],
          ['CSeq', header(invite, 'CSeq').replace('INVITE', 'ACK')],
        ],
        body: '',
      },
      to,
    );
  }

  private note(arrow: string, peer: HostPort, text: string): void {
    const at = new Date().toISOString().slice(11, 23);
    this.trace.push(`${at} ${arrow} ${peer.protocol} ${peer.host}:${peer.port}\n${text}\n`);
    if (this.trace.length > 20_000) this.trace.shift();
  }
}
