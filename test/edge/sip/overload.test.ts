/**
 * Goal: what is too much is refused early: beyond the number of calls by the edge, while the event
 * loop is late by the SIP server in its stead; who is there goes on, and all is well afterwards.
 * Method: the edge on a real SIP server, a raw agent, and measurements of the loop made up.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/inbox.ts';
import { openStage } from '../../support/stage.ts';
import { establish, inDialog } from '../../support/raw-call.ts';
import { headerOf, RawUdp, SDP, statusOf, unique } from '../../support/raw-ua.ts';
import { acdConfig } from '../../unit/sip/fakes.ts';
import { sipServer, startAcd } from './acd.ts';
import type { Acd, SipServer } from './acd.ts';

const stage = openStage('sip-overload');
const LIMIT_MS = 500;
const QUEUE = 'sip:queue1@acd';
let server: SipServer | null = null;
let acd: Acd;
let agent: RawUdp;

async function opened(port: number): Promise<RawUdp & { stop(): Promise<void> }> {
  const raw = await RawUdp.open(port);
  return Object.assign(raw, {
    stop: () => {
      raw.close();
      return Promise.resolve();
    },
  });
}

beforeEach(async () => {
  server ??= await stage.add(sipServer());
  const config = acdConfig();
  const core = { ...config.core, maxCalls: 1 };
  acd = await stage.addForTest(startAcd(server, { ...config, core, maxLoopDelayMs: LIMIT_MS }));
  agent = await stage.addForTest(opened(acd.sip.port));
});

/** The final answer to one new INVITE, which is acknowledged. */
async function call(): Promise<string> {
  const branch = `z9hG4bK${unique('o')}`;
  const request = agent.request('INVITE', { uri: QUEUE, body: SDP, branch });
  const callId = headerOf(request, 'Call-ID');
  const answer = await agent.ask(
    request,
    (text) => statusOf(text) >= 200 && headerOf(text, 'Call-ID') === callId,
    'final answer',
  );
  const to = headerOf(answer, 'To');
  agent.send(
    agent.request('ACK', { uri: QUEUE, callId, from: headerOf(request, 'From'), to, branch }),
  );
  return answer;
}

/** The loop is so late for five seconds, as far as the gate is told. */
function loopIs(lateMs: number): void {
  const from = performance.now();
  for (let ms = 0; ms < 5_000; ms += 250) acd.load.measure(from + ms, 250, lateMs);
}

describe('overload', () => {
  it('given as many calls as there may be, then one more gets 503 and costs nothing', async () => {
    const first = await establish(agent, QUEUE);
    await acd.event('CallConfirmed');
    const before = acd.events.length;
    const answer = await call();
    expect(statusOf(answer)).toBe(503);
    expect(Number(headerOf(answer, 'Retry-After'))).toBeGreaterThan(0);
    expect(acd.events.length).toBe(before);
    expect(acd.media.of('accept')).toHaveLength(1);
    expect(acd.load.shown()).toMatchObject({ overload: 'calls', calls: 1, refused: 1 });
    await inDialog(agent, first, 'BYE');
    await acd.event('CallEnded');
    const second = await establish(agent, QUEUE);
    await inDialog(agent, second, 'BYE');
  });

  it.skipIf(process.env['ACD_DRACHTIO'] !== undefined)(
    'given a loop that is late, then the SIP server refuses, until it is well again',
    async () => {
      const first = await establish(agent, QUEUE);
      await acd.event('CallConfirmed');
      loopIs(LIMIT_MS * 2);
      // The server's word is on its way; then the reason of the answer is its own.
      const refused = await until('sipd refuses', call, (answer) =>
        answer.startsWith('SIP/2.0 503 Service Unavailable'),
      );
      expect(Number(headerOf(refused, 'Retry-After'))).toBeGreaterThan(0);
      expect(statusOf(await inDialog(agent, first, 'INFO'))).toBeLessThan(500);
      await inDialog(agent, first, 'BYE');
      await acd.event('CallEnded');
      const known = acd.load.shown().refused;
      loopIs(0);
      // What it refused is counted when it is told that it need not any more.
      await until(
        'the count',
        () => acd.load.shown().refused,
        (count) => count > known,
      );
      const second = await establish(agent, QUEUE);
      await inDialog(agent, second, 'BYE');
    },
  );
});
