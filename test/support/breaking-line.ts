/**
 * A line between the edge and a real SIP server that breaks in the place of a chosen frame, which
 * is lost with it; and that SIP server, which may be killed in the same moment and comes back.
 */
import net from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SECRET, startSipd, storedCalls, type Sipd } from './sipd.ts';

export type Direction = 'to the SIP server' | 'from it';
export type Blow = 'cut' | 'sipd killed' | 'server killed';
export interface Point {
  readonly blow: Blow;
  readonly direction: Direction;
  /** So many frames get through. */
  readonly frames: number;
}

/** Passes frames on, `<length>#<text>`, and strikes in the place of one of them. */
export class Line {
  hasStruck = false;
  /** Settles when a SIP server that was killed is back. */
  back: Promise<void> = Promise.resolve();
  private readonly store: string;
  private readonly strike: () => void;
  private sipd: Sipd;
  private readonly sockets = new Set<net.Socket>();
  private readonly server: net.Server;
  private point: Point | null = null;
  private passed = 0;

  private constructor(store: string, sipd: Sipd, strike: () => void) {
    this.store = store;
    this.sipd = sipd;
    this.strike = strike;
    this.server = net.createServer((near) => {
      const far = net.connect(this.sipd.adminPort, '127.0.0.1');
      this.link(near, far, 'to the SIP server');
      this.link(far, near, 'from it');
    });
  }

  /** Before a SIP server with that store; `strike` is done in the moment in which it breaks. */
  static async open(store: string, strike: () => void): Promise<Line> {
    const sipd = await startSipd({ args: ['--store', store] });
    const line = new Line(store, sipd, strike);
    line.server.listen(0, '127.0.0.1');
    await once(line.server, 'listening');
    return line;
  }

  /** Where the server connects, as to a drachtio-server. */
  get drachtio(): { host: string; port: number; secret: string } {
    const { port } = this.server.address() as AddressInfo;
    return { host: '127.0.0.1', port, secret: SECRET };
  }

  /** SIP address of a user. */
  uri(user: string): string {
    return `sip:${user}@127.0.0.1:${this.sipd.udpPort}`;
  }

  /** Calls in the store of its SIP server; subscriptions are none. */
  calls(): string[] {
    const { calls } = storedCalls(this.store);
    return calls.filter(([, json]) => !json.includes('"method":"SUBSCRIBE"')).map(([key]) => key);
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
    if (this.point?.blow === 'sipd killed') this.back = this.killSipd();
    this.strike();
  }

  /** It comes back as itself. */
  private async killSipd(): Promise<void> {
    this.sipd = await this.sipd.restart();
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
    await this.sipd.stop();
  }
}
