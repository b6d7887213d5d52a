/**
 * A line between the edge and a real SIP server that breaks in the place of a chosen frame, which
 * is lost with it; and that SIP server, which may be killed in the same moment and comes back.
 */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parseStore } from '../../src/sipd/store.ts';
import { run, type Running } from './processes.ts';
import { SIPD } from './programs.ts';

const root = path.resolve(import.meta.dirname, '../..');
export const SECRET = 'breaks';

export type Direction = 'to the SIP server' | 'from it';
export type Blow = 'cut' | 'sipd killed' | 'server killed';
export interface Point {
  readonly blow: Blow;
  readonly direction: Direction;
  /** So many frames get through. */
  readonly frames: number;
}

/** A SIP server that is killed and comes back as itself. */
export class Server {
  readonly admin: number;
  readonly store: string;
  private readonly sip: number;
  private child: Running | null = null;

  constructor(admin: number, sip: number, store: string) {
    this.admin = admin;
    this.sip = sip;
    this.store = store;
  }

  async start(): Promise<void> {
    const child = run({
      name: 'sipd',
      command: process.execPath,
      args: [
        SIPD,
        ...['--admin', `127.0.0.1:${this.admin}`, '--store', this.store],
        ...['--listen', `udp:127.0.0.1:${this.sip}`, '--listen', `tcp:127.0.0.1:${this.sip}`],
      ],
      cwd: root,
      env: { ACD_SIPD_SECRET: SECRET },
    });
    this.child = child;
    await child.printed(/"ready":true/);
  }

  async kill(): Promise<void> {
    this.child?.signal('SIGKILL');
    await this.child?.ended;
    await this.start();
  }

  async stop(): Promise<void> {
    await this.child?.stop();
  }

  /** Calls in its store: dialogs, INVITEs both ways, answers without ACK. */
  calls(): string[] {
    const { records } = parseStore(readFileSync(this.store, 'latin1'));
    return [...records]
      .filter(([key, json]) => /^[diao]\|/.test(key) && !json.includes('"method":"SUBSCRIBE"'))
      .map(([key]) => key);
  }
}

/** Passes frames on, `<length>#<text>`, and strikes in the place of one of them. */
export class Line {
  hasStruck = false;
  private readonly target: number;
  private readonly strike: () => void;
  private readonly sockets = new Set<net.Socket>();
  private readonly server: net.Server;
  private point: Point | null = null;
  private passed = 0;

  constructor(target: number, strike: () => void) {
    this.target = target;
    this.strike = strike;
    this.server = net.createServer((near) => {
      const far = net.connect(this.target, '127.0.0.1');
      this.link(near, far, 'to the SIP server');
      this.link(far, near, 'from it');
    });
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  arm(point: Point): void {
    this.point = point;
    this.passed = 0;
  }

  private link(from: net.Socket, to: net.Socket, direction: Direction): void {
    let held = Buffer.alloc(0);
    this.sockets.add(from);
    from.on('error', () => from.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
    from.on('data', (data: Buffer) => {
      held = Buffer.concat([held, data]);
      for (;;) {
        const mark = held.indexOf('#');
        const end = mark + 1 + Number(held.subarray(0, Math.max(0, mark)).toString());
        if (mark < 0 || held.length < end) return;
        if (this.isDue(direction)) return this.break();
        if (!to.destroyed) to.write(held.subarray(0, end));
        held = held.subarray(end);
      }
    });
  }

  private isDue(direction: Direction): boolean {
    if (this.hasStruck) return false;
    if (this.point?.direction !== direction) return false;
    this.passed += 1;
    return this.passed > this.point.frames;
  }

  private break(): void {
    this.hasStruck = true;
    for (const socket of this.sockets) socket.destroy();
    this.strike();
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}
