/**
 * Goal: there is no moment in a call at which losing the SIP server, or the connection to it, costs
 * anybody his place, his talk or his farewell. Method: the same story from INVITE to BYE, again
 * and again; each time the line between the edge and the real SIP server breaks one frame later,
 * and that frame is lost; then the same with the SIP server killed there. Phones repeat themselves
 * as phones do. ACD_CUTS=all: every frame of every story; else every fourth of all but the first.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../support/call.ts';
import { until, within } from '../../support/inbox.ts';
import { Phone } from '../../support/phone.ts';
import { freePort } from '../../support/ports.ts';
import { header, statusOf } from '../../support/sip-message.ts';
import { openStage } from '../../support/stage.ts';
import { acdConfig, queueConfig } from '../../unit/sip/fakes.ts';
import { startAcd, type Acd } from './acd.ts';
import { Line, SECRET, Server, type Blow, type Direction, type Point } from './breaking-line.ts';

const stage = openStage('sip-cut-anywhere');
/** Longer than any repetition of a request or a 2xx takes to get through. */
const PATIENCE_MS = 12_000;
const AT_ONCE = 4;
/** Then the rest is not looked at. */
const FAULTS_MAX = 8;

interface Scene {
  readonly acd: Acd;
  /** Phones of agents 1 and 2; the first has been idle longer. */
  readonly desks: readonly [Phone, Phone];
  readonly guest: Phone;
  readonly queue: string;
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

const event = async (acd: Acd, kind: Parameters<Acd['event']>[0]) =>
  within(kind, acd.event(kind), PATIENCE_MS);

const stories: Readonly<Record<string, Story>> = {
  'a caller is connected, and hangs up': async ({ acd, desks: [desk], guest, queue }) => {
    takesCalls(desk);
    const caller = await (await guest.dial(queue)).answered(PATIENCE_MS);
    await event(acd, 'CallConnected');
    const agent = await callOn(desk);
    expect(header(agent.invite, 'X-Call-Id')).toBe(caller.callId);
    expect(caller.end).toBeNull();
    await hangUp(caller);
    await isToldOfEnd(agent);
    expect(await event(acd, 'CallEnded')).toMatchObject({
      ...{ status: 'COMPLETED', endedBy: 'caller' },
    });
    expect(acd.events.filter((one) => one.event.kind === 'CallEntered')).toHaveLength(1);
  },

  'a caller without SDP, declined once; the next agent hangs up': async (scene) => {
    const { acd, desks, guest, queue } = scene;
    desks[0].onCall = (call) => call.decline();
    takesCalls(desks[1]);
    const late = { body: { type: 'application/sdp', text: '' } };
    const caller = await (await guest.dial(queue, late)).answered(PATIENCE_MS);
    await event(acd, 'CallConnected');
    const agent = await callOn(desks[1]);
    await hangUp(agent);
    await isToldOfEnd(caller);
    expect(await event(acd, 'CallEnded')).toMatchObject({
      ...{ status: 'COMPLETED', endedBy: 'agent', agentId: '2' },
    });
  },

  'a caller hangs up while a phone rings': async ({ acd, desks: [desk], guest, queue }) => {
    desk.onCall = (call) => call.ring();
    const caller = await (await guest.dial(queue)).answered(PATIENCE_MS);
    await event(acd, 'CallConfirmed');
    // A 180 that is lost with the SIP server is not said again: the phone rings all the same.
    await until('a phone that rings', () => desk.history.length, Boolean, PATIENCE_MS);
    await hangUp(caller);
    expect(await event(acd, 'CallEnded')).toMatchObject({ status: 'ABANDONED' });
  },

  'a number is dialled for an agent': async ({ acd, desks: [desk], guest }) => {
    takesCalls(desk);
    takesCalls(guest);
    const callId = acd.loop.newId();
    const order = { callId, agentId: '1', uri: guest.contact } as const;
    const dialled = await acd.loop.submit({ kind: 'DialOut', by: 'test', ...order });
    expect(dialled).toMatchObject({ ok: true });
    await event(acd, 'OutboundConnected');
    const [agent, callee] = [await callOn(desk), await callOn(guest)];
    await hangUp(callee);
    await isToldOfEnd(agent);
    expect(await event(acd, 'OutboundEnded')).toMatchObject({ outcome: 'completed' });
  },
};

function configOf() {
  const config = acdConfig();
  const agents = ['1', '2'].map((id) => ({ id, name: id, queues: ['queue1'] }));
  return { ...config, core: { ...config.core, queues: [queueConfig('queue1')], agents } };
}

/** The story with the line broken there; false: it was over before that. */
async function play(story: Story, point: Point): Promise<boolean> {
  const [admin, sip] = [await freePort(), await freePort()];
  const server = new Server(admin, sip, path.join(stage.folder, `store-${admin}`));
  await server.start();
  let back: Promise<void> = Promise.resolve();
  const line = new Line(admin, () => {
    if (point.blow === 'kill') back = server.kill();
  });
  const port = await line.listen();
  const at = { host: '127.0.0.1', port, secret: SECRET, stop: async () => line.stop() };
  const acd = await startAcd(at, configOf());
  const open = async (user: string): Promise<Phone> => Phone.open({ user });
  const desks = [await open('desk1'), await open('desk2')] as const;
  const guest = await open('guest');
  try {
    for (const [index, desk] of desks.entries()) {
      const agentId = String(index + 1);
      const device = { uri: desk.contact, registrar: null };
      await acd.loop.submit({ kind: 'LogInAgent', by: 'test', agentId, device });
      await expect.poll(() => acd.loop.state.agents.get(agentId)?.deviceState).toBe('idle');
    }
    line.arm(point);
    await story({ acd, desks, guest, queue: `sip:queue1@127.0.0.1:${acd.sip.port}` });
    await back;
    await expect.poll(() => server.calls()).toEqual([]);
    await expect.poll(() => [...acd.media.live]).toEqual([]);
    const phones = [...desks, guest];
    await expect
      .poll(() => phones.flatMap(({ history }) => history.filter(({ end }) => end === null)))
      .toEqual([]);
    return line.hasStruck;
  } catch (trouble) {
    // The stage's folder stays when a test failed.
    const traces = [acd, ...desks, guest].map((one) => one.trace());
    const text = traces.map((trace) => `===== ${trace.name}\n${trace.text}`).join('\n');
    const { blow, direction, frames } = point;
    writeFileSync(path.join(stage.folder, `${blow} ${frames} ${direction}.txt`), text);
    throw trouble;
  } finally {
    await acd.stop();
    await Promise.all([...desks, guest].map(async (phone) => phone.stop()));
    await line.stop();
    await server.stop();
  }
}

/** Every point, until the story is over before it; what went wrong, in words. */
async function playAll(
  story: Story,
  [blow, direction]: readonly [Blow, Direction],
  stride: number,
): Promise<string[]> {
  const faults: string[] = [];
  let next = 0;
  let isOver = false;
  const work = async (): Promise<void> => {
    while (!isOver && faults.length < FAULTS_MAX) {
      const point = { blow, direction, frames: next };
      next += stride;
      await play(story, point).then(
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

for (const [index, [title, story]] of Object.entries(stories).entries())
  describe(title, () => {
    const stride = index === 0 || process.env['ACD_CUTS'] === 'all' ? 1 : 4;
    for (const blow of ['cut', 'kill'] as const)
      for (const direction of ['to the SIP server', 'from it'] as const)
        it(
          `wherever the line is broken (${blow}), ${direction}`,
          { timeout: 240_000 },
          async () => {
            expect(await playAll(story, [blow, direction], stride)).toEqual([]);
          },
        );
  });
