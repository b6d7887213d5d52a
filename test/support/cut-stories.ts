/**
 * Stories from INVITE to BYE that are played again and again, each time with the line between the
 * server and the SIP server broken one frame later. Whoever plays them says what breaks there.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { Line, type Blow, type Direction, type Point } from './breaking-line.ts';
import type { Call } from './call.ts';
import { until, within } from './inbox.ts';
import { Phone } from './phone.ts';
import { header, statusOf } from './sip-message.ts';
import type { Actor } from './stage.ts';

/** Longer than any repetition of a request or a 2xx takes to get through, and a new server. */
const PATIENCE_MS = 12_000;
const AT_ONCE = 4;
/** Then the rest is not looked at. */
const FAULTS_MAX = 8;

/** The ACD behind the line. */
export interface House extends Actor {
  /** Name of a queue of agents 1 and 2. */
  readonly queue: string;
  /** Settles when that agent is ready on this phone. */
  readonly logIn: (agentId: string, desk: Phone) => Promise<void>;
  /** Has a number dialled for an agent. */
  readonly dialOut: (agentId: string, uri: string) => Promise<void>;
  /** Of the one call there is: the event of its talk, and of its end, once that is there. */
  readonly connected: () => Promise<object>;
  readonly ended: () => Promise<object>;
  /** Fails if anything is left, or any caller came twice. */
  readonly isEmpty: () => Promise<void>;
  /** What it does where the blow is its own death. */
  readonly kill: () => void;
}

interface Scene extends Pick<House, 'dialOut' | 'connected' | 'ended'> {
  /** SIP address of the queue, of whose agents the first has been idle longer. */
  readonly queue: string;
  /** The agents' phones, watched by presence. */
  readonly desks: readonly [Phone, Phone];
  readonly guest: Phone;
}
type Story = (scene: Scene) => Promise<void>;

/** Rings, and answers what still rings a moment later. */
function takesCalls(phone: Phone): void {
  phone.onCall = (call) => {
    call.ring();
    void within('hang-up', call.ended, 30)
      .catch(() => null)
      .then((end) => {
        if (end === null) call.answer();
      });
  };
}

/** The one call that stands on this phone, acknowledged; it may have been called twice. */
async function callOn(phone: Phone): Promise<Call> {
  const standing = (): Call[] =>
    phone.history.filter((call) => call.end === null && call.answeredAt > 0 && call.isIncoming);
  const [live] = await until('one call', standing, (calls) => calls.length === 1, PATIENCE_MS);
  if (live === undefined) throw new Error('no call');
  await within('ACK', live.acked, PATIENCE_MS);
  return live;
}

async function hangUp(call: Call): Promise<void> {
  const answer = await within('answer to BYE', call.bye(), PATIENCE_MS);
  // Repeated to a SIP server that had taken it and died: there is no such dialog any more.
  expect([200, 481]).toContain(statusOf(answer));
}

async function isToldOfEnd(call: Call): Promise<void> {
  expect(await within('BYE', call.ended, PATIENCE_MS)).toBe('bye received');
}

const stories: Readonly<Record<string, Story>> = {
  'a caller is connected, and hangs up': async (scene) => {
    const { guest, queue, connected, ended } = scene;
    const [desk] = scene.desks;
    takesCalls(desk);
    const caller = await (await guest.dial(queue)).answered(PATIENCE_MS);
    const agent = await callOn(desk);
    await connected();
    expect(header(agent.invite, 'X-Call-Id')).toBe(caller.callId);
    expect(caller.end).toBeNull();
    await hangUp(caller);
    await isToldOfEnd(agent);
    expect(await ended()).toMatchObject({ status: 'COMPLETED', endedBy: 'caller' });
  },

  'the first agent declines; the second talks, and hangs up': async (scene) => {
    const { desks, guest, queue, connected, ended } = scene;
    desks[0].onCall = (call) => call.decline();
    takesCalls(desks[1]);
    const caller = await (await guest.dial(queue)).answered(PATIENCE_MS);
    const agent = await callOn(desks[1]);
    await connected();
    await hangUp(agent);
    await isToldOfEnd(caller);
    expect(await ended()).toMatchObject({ status: 'COMPLETED', endedBy: 'agent', agentId: '2' });
  },

  'a caller hangs up while a phone rings': async ({ desks: [desk], guest, queue, ended }) => {
    desk.onCall = (call) => call.ring();
    const caller = await (await guest.dial(queue)).answered(PATIENCE_MS);
    // A 180 that is lost with the SIP server is not said again: the phone rings all the same.
    await until('a phone that rings', () => desk.history.length, Boolean, PATIENCE_MS);
    await hangUp(caller);
    expect(await ended()).toMatchObject({ status: 'ABANDONED' });
  },

  'a number is dialled for an agent': async (scene) => {
    const { guest, dialOut, connected, ended } = scene;
    const [desk] = scene.desks;
    takesCalls(desk);
    takesCalls(guest);
    await dialOut('1', guest.contact);
    const [agent, callee] = [await callOn(desk), await callOn(guest)];
    await connected();
    await hangUp(callee);
    await isToldOfEnd(agent);
    expect(await ended()).toMatchObject({ outcome: 'completed' });
  },
};

/** Nobody is left with a call that the other side does not know any more. */
async function areFree(phones: readonly Phone[]): Promise<void> {
  await expect
    .poll(() => phones.flatMap(({ history }) => history.filter(({ end }) => end === null)))
    .toEqual([]);
}

/** The story with the line broken there; false: it was over before that. */
async function play(
  story: Story,
  point: Point,
  folder: string,
  open: (line: Line) => Promise<House>,
): Promise<boolean> {
  let house: House | null = null;
  const line = await Line.open(path.join(folder, 'calls'), () => {
    if (point.blow === 'server killed') house?.kill();
  });
  const onStage: Actor[] = [line];
  try {
    house = await open(line);
    onStage.unshift(house);
    const phones: Phone[] = [];
    for (const user of ['desk1', 'desk2', 'guest']) phones.push(await Phone.open({ user }));
    onStage.splice(1, 0, ...phones);
    const [first, second, guest] = phones as [Phone, Phone, Phone];
    await house.logIn('1', first);
    await house.logIn('2', second);
    line.arm(point);
    await story({ ...house, queue: line.uri(house.queue), desks: [first, second], guest });
    await line.back;
    await expect.poll(() => line.calls()).toEqual([]);
    await house.isEmpty();
    await areFree(phones);
    return line.hasStruck;
  } catch (trouble) {
    // The stage's folder stays when a test failed.
    const { blow, direction, frames } = point;
    const traces = onStage.flatMap((one) => one.trace?.() ?? []);
    const text = traces.map((trace) => `===== ${trace.name}\n${trace.text}`).join('\n');
    writeFileSync(path.join(folder, `${blow} ${frames} ${direction}.txt`), text);
    throw trouble;
  } finally {
    for (const one of onStage) await one.stop();
  }
}

/** One story with the line broken at one frame after the other, until it is over before that. */
async function playAll(
  [blow, direction]: readonly [Blow, Direction],
  stride: number,
  playAt: (point: Point) => Promise<boolean>,
): Promise<void> {
  const faults: string[] = [];
  let next = 0;
  let isOver = false;
  let struck = 0;
  const work = async (): Promise<void> => {
    while (!isOver && faults.length < FAULTS_MAX) {
      const point = { blow, direction, frames: next };
      next += stride;
      await playAt(point).then(
        (hasStruck) => {
          isOver ||= !hasStruck;
          struck += hasStruck ? 1 : 0;
        },
        (trouble: Error) => {
          faults.push(`after ${point.frames} frames ${direction}: ${trouble.message}`);
        },
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  expect(struck + faults.length).toBeGreaterThan(0);
  expect(faults, faults.join('\n')).toEqual([]);
}

export interface Cuts {
  readonly blow: Blow;
  /** From one frame to the next: of the first story, and of the others; ACD_CUTS=all: every one. */
  readonly strides: readonly [number, number];
  /** Exists; everything that is written is below it. */
  readonly folder: string;
  readonly open: (line: Line, folder: string) => Promise<House>;
}

/** A title and a test for each story and direction; each fails with what went wrong, in words. */
export function cutsOf({ blow, strides, folder, open }: Cuts): [string, () => Promise<void>][] {
  let plays = 0;
  return Object.entries(stories).flatMap(([title, story], index) =>
    (['to the SIP server', 'from it'] as const).map((direction): [string, () => Promise<void>] => {
      const stride = process.env['ACD_CUTS'] === 'all' ? 1 : strides[index === 0 ? 0 : 1];
      const playAt = async (point: Point): Promise<boolean> => {
        // Its own: the ports come round again, and a journal may not.
        const own = path.join(folder, `${blow} ${(plays += 1)}`);
        mkdirSync(own);
        return play(story, point, own, async (line) => open(line, own));
      };
      return [`${title}: ${direction}`, async () => playAll([blow, direction], stride, playAt)];
    }),
  );
}
