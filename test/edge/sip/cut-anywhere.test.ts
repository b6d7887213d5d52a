/**
 * Goal: there is no moment in a call at which losing the SIP server, or the connection to it, costs
 * anybody his place, his talk or his farewell. Method: one call from INVITE to BYE, again and
 * again; each time the line between the edge and the real SIP server breaks one frame later, and
 * that frame is lost; then the same with the SIP server killed there. Phones repeat themselves as
 * phones do.
 */
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseStore } from '../../../src/sipd/store.ts';
import type { Call } from '../../support/call.ts';
import { until, within } from '../../support/inbox.ts';
import { Phone } from '../../support/phone.ts';
import { freePort } from '../../support/ports.ts';
import { run, type Running } from '../../support/processes.ts';
import { SIPD } from '../../support/programs.ts';
import { header, statusOf } from '../../support/sip-message.ts';
import { openStage } from '../../support/stage.ts';
import { acdConfig } from '../../unit/sip/fakes.ts';
import { startAcd, type Acd } from './acd.ts';

const stage = openStage('sip-cut-anywhere');
const root = path.resolve(import.meta.dirname, '../../..');
const secret = 'cut';
/** Longer than any repetition of a request or a 2xx takes to get through. */
const PATIENCE_MS = 12_000;
const AT_ONCE = 4;

type Direction = 'to the SIP server' | 'from it';
type Blow = 'cut' | 'kill';
interface Point {
  readonly blow: Blow;
  readonly direction: Direction;
  /** So many frames get through. */
  readonly frames: number;
}

/** A SIP server that is killed and comes back as itself. */
class Server {
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
      env: { ACD_SIPD_SECRET: secret },
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
class Line {
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

/** The agent: rings, and answers what still rings a moment later. */
function takesCalls(phone: Phone): void {
  phone.onCall = (call) => {
    call.ring();
    void within('hang-up', call.ended, 30)
      .then(
        () => true,
        () => false,
      )
      .then((isOver) => {
        if (!isOver) call.answer();
      });
  };
}

async function talk(acd: Acd, caller: Call, desk: Phone): Promise<void> {
  await caller.answered(PATIENCE_MS);
  await within('CallConnected', acd.event('CallConnected'), PATIENCE_MS);
  const rung = (call: Call): boolean => header(call.invite, 'X-Call-Id') === caller.callId;
  const live = await until(
    'one call at the desk, acknowledged',
    () => desk.history.filter((call) => rung(call) && call.end === null && call.answeredAt > 0),
    (calls) => calls.length === 1,
    PATIENCE_MS,
  );
  await within('ACK at the desk', live[0]!.acked, PATIENCE_MS);
  expect(caller.end).toBeNull();
  const answer = await within('answer to BYE', caller.bye(), PATIENCE_MS);
  // Repeated to a SIP server that had taken it and died: there is no such dialog any more.
  expect([200, 481]).toContain(statusOf(answer));
  await within('BYE at the desk', live[0]!.ended, PATIENCE_MS);
}

/** One call with the line broken there; false: it was over before that. */
async function play(point: Point): Promise<boolean> {
  const [admin, sip] = [await freePort(), await freePort()];
  const server = new Server(admin, sip, path.join(stage.folder, `store-${admin}`));
  await server.start();
  let back: Promise<void> = Promise.resolve();
  const line = new Line(admin, () => {
    if (point.blow === 'kill') back = server.kill();
  });
  const port = await line.listen();
  const acd = await startAcd(
    { host: '127.0.0.1', port, secret, stop: async () => line.stop() },
    acdConfig(),
  );
  const desk = await Phone.open({ user: 'desk' });
  const guest = await Phone.open({ user: 'guest' });
  try {
    takesCalls(desk);
    const device = { uri: desk.contact, registrar: null };
    await acd.loop.submit({ kind: 'LogInAgent', by: 'test', agentId: '2771', device });
    await expect.poll(() => acd.loop.state.agents.get('2771')?.deviceState).toBe('idle');
    line.arm(point);
    await talk(acd, await guest.dial(`sip:queue1@127.0.0.1:${acd.sip.port}`), desk);
    const ended = await within('CallEnded', acd.event('CallEnded'), PATIENCE_MS);
    expect(ended).toMatchObject({ status: 'COMPLETED', endedBy: 'caller' });
    await back;
    await expect.poll(() => server.calls()).toEqual([]);
    await expect.poll(() => [...acd.media.live]).toEqual([]);
    expect(acd.events.filter(({ event }) => event.kind === 'CallEntered')).toHaveLength(1);
    return line.hasStruck;
  } finally {
    await acd.stop();
    await Promise.all([desk.stop(), guest.stop()]);
    await line.stop();
    await server.stop();
  }
}

/** Every point, until a call is over before it; what went wrong, in words. */
async function playAll(blow: Blow, direction: Direction): Promise<string[]> {
  const faults: string[] = [];
  let next = 0;
  let isOver = false;
  const work = async (): Promise<void> => {
    while (!isOver) {
      const point = { blow, direction, frames: next };
      next += 1;
      await play(point).then(
        (hasStruck) => (isOver ||= !hasStruck),
        (trouble: Error) => {
          faults.push(`after ${point.frames} frames ${direction}: ${trouble.message}`);
        },
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  expect(next).toBeGreaterThan(8);
  return faults;
}

describe('a call goes on to its end', () => {
  for (const blow of ['cut', 'kill'] as const)
    for (const direction of ['to the SIP server', 'from it'] as const)
      it(`wherever the line is broken (${blow}), ${direction}`, { timeout: 240_000 }, async () => {
        expect(await playAll(blow, direction)).toEqual([]);
      });
});
