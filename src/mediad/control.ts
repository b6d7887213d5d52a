/**
 * The control socket: newline-delimited JSON, requests with ids, answers in the order in which
 * they are ready. Clients come and go, the audio stays. The client that said `listen` last hears
 * the events and acknowledges those with a number (`ack`); the others may only ask and order.
 * Requests are begun in the order in which they come; only `create` takes a while (names, ports),
 * so what concerns a new leg is sent after its answer.
 */
import { createServer, type Socket } from 'node:net';
import type { Numbered } from './events.ts';
import { KeptSocket } from '../shared/kept-socket.ts';
import { flushWrites, joinWrites } from '../shared/one-write.ts';
import { asFields } from './fields.ts';
import type { Legs } from './legs.ts';
import { limits } from './limits.ts';
import { log } from './log.ts';
import { perform } from './requests.ts';

/** `version` of the protocol, told to every client that listens. */
const protocolVersion = 1;

class Client {
  readonly socket: Socket;
  private rest = '';
  private readonly work: (client: Client, line: string) => void;

  constructor(socket: Socket, work: (client: Client, line: string) => void) {
    this.socket = socket;
    this.work = work;
    socket.setEncoding('utf8');
    socket.on('data', (text) => this.take(String(text)));
  }

  send(message: object): void {
    if (this.socket.destroyed) return;
    this.socket.write(`${JSON.stringify(message)}\n`);
    if (this.socket.writableLength > limits.clientBacklogBytes) {
      log('warn', 'client does not read, connection ended', {});
      this.socket.destroy();
    }
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.length > limits.lineBytes) this.rest = line;
      else if (line.trim() !== '') this.work(this, line);
    }
    if (this.rest.length <= limits.lineBytes) return;
    this.rest = '';
    this.send({ ok: false, reason: 'limit', detail: `a line has ${limits.lineBytes} bytes` });
    this.socket.destroySoon();
  }
}

export class Control {
  private readonly legs: Legs;
  private readonly clients = new Set<Client>();
  private listener: Client | null = null;
  private server: { close(): unknown } | null = null;

  constructor(legs: Legs) {
    this.legs = legs;
  }

  /** Listens on a path or `host:port`; gives where, or why not. */
  async listen(where: string): Promise<{ ok: true; where: string } | { ok: false; why: string }> {
    const tcp = /^\[?([^/\]]*)\]?:(\d+)$/.exec(where);
    if (tcp === null) {
      // Whoever can open the socket can listen to every call.
      const socket = new KeptSocket(where, (client) => this.welcome(client));
      this.server = socket;
      const why = await socket.listen();
      return why === null ? { ok: true, where } : { ok: false, why };
    }
    const [, host = '127.0.0.1', wanted] = tcp;
    const server = createServer((socket) => this.welcome(socket));
    this.server = server;
    if (!/^(127\.|::1$|localhost$)/.test(host)) {
      log('warn', 'whoever reaches the control port can listen to every call', { where });
    }
    return new Promise((resolve) => {
      server.once('error', (error) => resolve({ ok: false, why: error.message }));
      server.listen({ host, port: Number(wanted) }, () => {
        const address = server.address();
        const port = typeof address === 'object' && address !== null ? address.port : 0;
        resolve({ ok: true, where: `${host}:${port}` });
      });
    });
  }

  close(): void {
    this.server?.close();
    for (const { socket } of this.clients) {
      flushWrites(socket);
      socket.destroy();
    }
  }

  private welcome(socket: Socket): void {
    socket.on('error', (error) => log('debug', 'client socket', { why: error.message }));
    if (this.clients.size >= limits.clients) {
      const detail = `${limits.clients} clients are connected`;
      socket.end(`${JSON.stringify({ ok: false, reason: 'limit', detail })}\n`);
      return;
    }
    socket.setNoDelay(true);
    joinWrites(socket);
    const client = new Client(socket, (who, line) => void this.handle(who, line));
    this.clients.add(client);
    socket.on('close', () => {
      this.clients.delete(client);
      if (this.listener !== client) return;
      this.listener = null;
      this.legs.events.listen(null);
      log('info', 'client gone; legs go on', { legs: this.legs.count });
    });
  }

  private async handle(client: Client, line: string): Promise<void> {
    let parsed: unknown;
    try {
      parsed = JSON.parse(line);
    } catch (error) {
      const detail = `not JSON: ${(error as Error).message}`;
      client.send({ ok: false, reason: 'bad-request', detail });
      return;
    }
    const fields = asFields(parsed);
    const id = fields['id'] ?? null;
    if (fields['do'] === 'ack') {
      if (typeof fields['n'] === 'number') this.legs.events.acknowledge(fields['n']);
      return;
    }
    if (fields['do'] === 'listen') {
      this.startListening(client, id);
      return;
    }
    try {
      client.send({ id, ...(await perform(this.legs, fields)) });
    } catch (error) {
      // A fault of ours must not end two thousand calls: told, logged, and the rest goes on.
      log('error', 'request failed', { do: fields['do'], why: (error as Error).stack });
      client.send({ id, ok: false, reason: 'unavailable', detail: (error as Error).message });
    }
  }

  private startListening(client: Client, id: unknown): void {
    const legs = this.legs.list();
    client.send({ id, ok: true, version: protocolVersion, pid: process.pid, legs });
    this.listener = client;
    this.legs.events.listen((event: Numbered) => client.send(event));
    // After what is held: a first packet is older than the silence that followed it.
    this.legs.tellAgain();
  }
}
