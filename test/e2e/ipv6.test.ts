/**
 * IPv6 with audio: a caller and an agent on ::1 hear each other, and so do two of whom one speaks
 * IPv4. The phones are baresip: what the product says of its address must be right for them.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { onDrachtio, startAcd, type Acd } from '../support/acd.ts';
import { firstTone } from '../support/audio.ts';
import { startBaresip, type Baresip } from '../support/baresip.ts';
import { until } from '../support/inbox.ts';
import { freePort } from '../support/ports.ts';
import { openStage } from '../support/stage.ts';

const stage = openStage('ipv6');
let acd: Acd;
let agent: Baresip;
let port: number;

/** Waits until each hears what the other says. */
async function talk(caller: Baresip): Promise<void> {
  const hears = async (who: Baresip, hertz: number) =>
    until(`${hertz} Hz to be heard`, () => firstTone(who.heard(), hertz) !== null, Boolean);
  await Promise.all([hears(agent, 440), hears(caller, 1000)]);
}

// Where a drachtio-server listens is not ours to say.
describe.skipIf(onDrachtio)('on both families', () => {
  beforeAll(async () => {
    port = await freePort();
    const places = ['127.0.0.1', '[::1]'].map((host) => `udp:${host}:${port}`);
    acd = await stage.add(
      startAcd(stage, {
        queues: [{ name: 'queue1', welcome: [] }],
        agents: [{ id: '2771', queues: ['queue1'] }],
        sip: { listen: places },
        media: { address: '0.0.0.0' },
      }),
    );
    agent = await stage.add(startBaresip(stage, { user: 'ann', hertz: 1000, host: '::1' }));
    agent.dial(`sip:*442771@[::1]:${port}`);
    await agent.event('CALL_CLOSED');
    const { device } = await acd.agentIs('2771', 'idle');
    expect(device).toContain('@[::1]:');
  });

  it.each([
    ['::1', '[::1]'],
    ['127.0.0.1', '127.0.0.1'],
  ] as const)('a caller on %s and an agent on ::1 hear each other', async (host, there) => {
    const caller = await stage.addForTest(startBaresip(stage, { user: 'cal', hertz: 440, host }));
    caller.dial(`sip:queue1@${there}:${port}`);
    await agent.event('CALL_ESTABLISHED');
    await talk(caller);
    caller.hangUp();
    await agent.event('CALL_CLOSED');
    await acd.agentIs('2771', 'idle');
  });
});
