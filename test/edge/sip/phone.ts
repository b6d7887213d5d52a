/**
 * A telephone in a hundred lines of plain SIP over UDP, for tests that must say exactly what they
 * mean: it keeps every message, answers only what a test tells it to, and never retransmits
 * (loopback loses nothing). Not a model of a good user agent; only when its test is over does it
 * answer all that still comes, so that nothing has to be waited for that will not come.
 */
import dgram from 'node:dgram';
import { once } from 'node:events';

export interface SipText {
  readonly start: string;
  /** Method of a request, '' of a response. */
  readonly method: string;
  /** Status of a response, 0 of a request. */
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly from: dgram.RemoteInfo;
}

export function header(message: SipText, name: string): string {
  const found = message.headers.find(([each]) => each.toLowerCase() === name.toLowerCase());
  return found?.[1] ?? '';
}

function parse(data: Buffer, from: dgram.RemoteInfo): SipText {
  const text = data.toString('utf8');
  const end = text.indexOf('\r\n\r\n');
  const [start = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()] as const;
  });
  const isResponse = start.startsWith('SIP/2.0 ');
  return {
    start,
    method: isResponse ? '' : (start.split(' ')[0] ?? ''),
    status: isResponse ? Number(start.split(' ')[1]) : 0,
    headers,
    body: text.slice(end + 4),
    from,
  };
}

export interface Out {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly type?: string;
  readonly to?: string;
}

/** Those whose test is not over, or who still answer what its end brings. */
const open = new Set<Phone>();

/** Every phone answers what comes from now on, by itself. */
export function letPhonesPart(): void {
  for (const phone of open) phone.part();
}

/** Closes those that have parted and were stopped before the ACD was. */
export async function closePhones(): Promise<void> {
  for (const phone of [...open]) if (phone.isStopped) await phone.close();
}

let serial = 0;
const unique = (): string => `${process.pid}x${(serial += 1)}`;

export class Phone {
  readonly user: string;
  readonly seen: SipText[] = [];
  private readonly socket: dgram.Socket;
  private readonly server: { readonly host: string; readonly port: number };
  private readonly watchers = new Set<() => void>();
  private taken = new Set<SipText>();
  private isParting = false;
  isStopped = false;

  private constructor(user: string, socket: dgram.Socket, server: { host: string; port: number }) {
    this.user = user;
    this.socket = socket;
    this.server = server;
    socket.on('message', (data, from) => {
      if (data.length < 8) return;
      const message = parse(data, from);
      this.seen.push(message);
      if (this.isParting) this.oblige(message);
      for (const watch of [...this.watchers]) watch();
    });
  }

  /** `server`: the SIP address of the ACD. */
  static async open(
    user: string,
    server: { host: string; port: number },
    host = '127.0.0.1',
  ): Promise<Phone> {
    const socket = dgram.createSocket('udp4');
    socket.bind(0, host);
    await once(socket, 'listening');
    const phone = new Phone(user, socket, server);
    open.add(phone);
    return phone;
  }

  get port(): number {
    return this.socket.address().port;
  }

  get uri(): string {
    return `sip:${this.user}@${this.socket.address().address}:${this.port}`;
  }

  /** The test is over. The socket goes when the ACD has gone, which has goodbyes to say. */
  async stop(): Promise<void> {
    this.isStopped = true;
    if (this.isParting) return this.close();
    this.part();
  }

  async close(): Promise<void> {
    open.delete(this);
    this.socket.close();
    await once(this.socket, 'close');
  }

  part(): void {
    this.isParting = true;
  }

  private oblige(message: SipText): void {
    const { method } = message;
    if (method === 'INVITE') this.answer(message, 486, 'Busy Here');
    else if (method !== '' && method !== 'ACK') this.answer(message, 200, 'OK');
    if (method !== 'CANCEL') return;
    const rung = this.seen.find(
      (each) => each.method === 'INVITE' && header(each, 'Call-ID') === header(message, 'Call-ID'),
    );
    if (rung !== undefined) this.answer(rung, 487, 'Request Terminated');
  }

  trace(): { name: string; text: string } {
    const text = this.seen.map(
      (message) =>
        `${message.start}\n${message.headers.map((pair) => pair.join(': ')).join('\n')}\n\n` +
        message.body,
    );
    return { name: `${this.user}.txt`, text: text.join('\n-----\n') };
  }

  write(text: string, port = this.server.port): void {
    this.socket.send(text, port, this.server.host);
  }

  /** The next message not yet taken that fits. */
  take(fits: (message: SipText) => boolean): Promise<SipText> {
    return new Promise((resolve) => {
      const watch = (): void => {
        const found = this.seen.find((message) => !this.taken.has(message) && fits(message));
        if (found === undefined) return;
        this.taken.add(found);
        this.watchers.delete(watch);
        resolve(found);
      };
      this.watchers.add(watch);
      watch();
    });
  }

  request(method: string): Promise<SipText> {
    return this.take((message) => message.method === method);
  }

  /** The answer with that status to the transaction of this CSeq and Call-ID. */
  response(sent: Sent, least = 200): Promise<SipText> {
    return this.take(
      (message) =>
        message.status >= least &&
        header(message, 'Call-ID') === sent.callId &&
        header(message, 'CSeq') === `${sent.cseq} ${sent.method}`,
    );
  }

  answer(request: SipText, status: number, reason: string, out: Out = {}): void {
    const copy = ['Via', 'From', 'Call-ID', 'CSeq', 'Record-Route'].flatMap((name) =>
      request.headers
        .filter(([each]) => each.toLowerCase() === name.toLowerCase())
        .map(([, value]) => `${name}: ${value}`),
    );
    const to = header(request, 'To');
    const tagged = /;tag=/.test(to) || status === 100 ? to : `${to};tag=${this.user}${this.port}`;
    this.write(
      this.compose(`SIP/2.0 ${status} ${reason}`, [...copy, `To: ${tagged}`], out),
      request.from.port,
    );
  }

  private compose(start: string, lines: readonly string[], out: Out): string {
    const body = out.body ?? '';
    const more = Object.entries(out.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
    const contact = more.some((line) => /^contact:/i.test(line)) ? [] : [`Contact: <${this.uri}>`];
    const type = body === '' ? [] : [`Content-Type: ${out.type ?? 'application/sdp'}`];
    const length = `Content-Length: ${Buffer.byteLength(body)}`;
    return [start, ...lines, ...contact, ...more, ...type, length, '', body].join('\r\n');
  }

  /** Begins something new: INVITE, OPTIONS, MESSAGE, REGISTER … */
  start(method: string, target: string, out: Out = {}): Sent {
    const sent: Sent = {
      method,
      uri: `sip:${target}@${this.server.host}:${this.server.port}`,
      callId: `${unique()}@127.0.0.1`,
      tag: unique(),
      branch: `z9hG4bK${unique()}`,
      cseq: 1,
    };
    this.send(sent, out);
    return sent;
  }

  private send(sent: Sent, out: Out): void {
    const from = out.headers?.From ?? `<sip:${this.user}@127.0.0.1>`;
    const rest = Object.fromEntries(
      Object.entries(out.headers ?? {}).filter(([name]) => name !== 'From'),
    );
    this.write(
      this.compose(
        `${sent.method} ${sent.uri} SIP/2.0`,
        [
          `Via: SIP/2.0/UDP 127.0.0.1:${this.port};rport;branch=${sent.branch}`,
          'Max-Forwards: 70',
          `From: ${from};tag=${sent.tag}`,
          `To: ${out.to ?? `<${sent.uri}>`}`,
          `Call-ID: ${sent.callId}`,
          `CSeq: ${sent.cseq} ${sent.method}`,
        ],
        { ...out, headers: rest },
      ),
    );
  }

  cancel(invite: Sent): void {
    this.send({ ...invite, method: 'CANCEL' }, {});
  }

  /** ACK of a final answer to our INVITE; after a 2xx it is a transaction of its own. */
  ack(invite: Sent, answer: SipText, out: Out = {}): void {
    const isOk = answer.status < 300;
    const branch = isOk ? `z9hG4bK${unique()}` : invite.branch;
    const uri = isOk ? contactOf(answer) : invite.uri;
    this.send({ ...invite, method: 'ACK', branch, uri }, { ...out, to: header(answer, 'To') });
  }

  /** A request in the dialog that our INVITE began. */
  within(invite: Sent, answer: SipText, method: string, cseq: number, out: Out = {}): Sent {
    const sent = {
      ...invite,
      method,
      cseq,
      branch: `z9hG4bK${unique()}`,
      uri: contactOf(answer),
    };
    this.send(sent, { ...out, to: header(answer, 'To') });
    return sent;
  }

  /** A request in the dialog that an INVITE or SUBSCRIBE to us began. */
  back(received: SipText, method: string, cseq: number, out: Out = {}): Sent {
    const to = header(received, 'To');
    const sent: Sent = {
      method,
      uri: contactOf(received),
      callId: header(received, 'Call-ID'),
      tag: `${this.user}${this.port}`,
      branch: `z9hG4bK${unique()}`,
      cseq,
    };
    this.send(sent, {
      ...out,
      headers: { ...out.headers, From: to.replace(/;tag=.*/, '') },
      to: header(received, 'From'),
    });
    return sent;
  }
}

export interface Sent {
  readonly method: string;
  readonly uri: string;
  readonly callId: string;
  readonly tag: string;
  readonly branch: string;
  readonly cseq: number;
}

function contactOf(message: SipText): string {
  return /<([^>]+)>/.exec(header(message, 'Contact'))?.[1] ?? header(message, 'Contact');
}
