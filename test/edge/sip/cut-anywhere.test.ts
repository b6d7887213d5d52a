/**
 * Goal: there is no moment in a call at which losing the SIP server, or the connection to it, costs
 * anybody his place, his talk or his farewell. Method: the same story from INVITE to BYE, again
 * and again; each time the line between the edge and the real SIP server breaks one frame later,
 * and that frame is lost; then the same with the SIP server killed there. Phones repeat themselves
 * as phones do.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Line, SECRET, Server, type Point } from '../../support/breaking-line.ts';
import { areFree, playAll, stories, strideOf, type Story } from '../../support/cut-stories.ts';
import { Phone } from '../../support/phone.ts';
import { freePort } from '../../support/ports.ts';
import { openStage } from '../../support/stage.ts';
import { acdConfig, queueConfig } from '../../unit/sip/fakes.ts';
import { startAcd, type Acd } from './acd.ts';

const stage = openStage('sip-cut-anywhere');
let plays = 0;

function configOf() {
  const config = acdConfig();
  const agents = ['1', '2'].map((id) => ({ id, name: id, queues: ['queue1'] }));
  return { ...config, core: { ...config.core, queues: [queueConfig('queue1')], agents } };
}

function sceneOf(acd: Acd, desks: readonly [Phone, Phone], guest: Phone) {
  return {
    ...{ desks, guest, queue: `sip:queue1@127.0.0.1:${acd.sip.port}` },
    dialOut: async (agentId: string, uri: string) => {
      const order = { callId: acd.loop.newId(), agentId, uri } as const;
      const outcome = await acd.loop.submit({ kind: 'DialOut', by: 'test', ...order });
      expect(outcome).toMatchObject({ ok: true });
    },
    connected: async () =>
      Promise.race([acd.event('CallConnected'), acd.event('OutboundConnected')]),
    ended: async () => Promise.race([acd.event('CallEnded'), acd.event('OutboundEnded')]),
  };
}

/** The story with the line broken there; false: it was over before that. */
async function play(story: Story, point: Point): Promise<boolean> {
  const [admin, sip] = [await freePort(), await freePort()];
  const server = new Server(admin, sip, path.join(stage.folder, `store-${(plays += 1)}`));
  await server.start();
  let back: Promise<void> = Promise.resolve();
  const line = new Line(admin, () => {
    if (point.blow === 'sipd killed') back = server.kill();
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
    await story(sceneOf(acd, desks, guest));
    await back;
    await expect.poll(() => server.calls()).toEqual([]);
    await expect.poll(() => [...acd.media.live]).toEqual([]);
    await areFree([...desks, guest]);
    expect(acd.events.filter(({ event }) => event.kind === 'CallEntered').length).toBeLessThan(2);
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

for (const [index, [title, story]] of Object.entries(stories).entries())
  describe(title, () => {
    for (const blow of ['cut', 'sipd killed'] as const)
      for (const direction of ['to the SIP server', 'from it'] as const)
        it(
          `wherever the line is broken (${blow}), ${direction}`,
          { timeout: 240_000 },
          async () => {
            const at = async (point: Point): Promise<boolean> => play(story, point);
            await playAll([blow, direction], strideOf(index, 2, 5), at);
          },
        );
  });
