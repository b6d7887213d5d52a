/**
 * Issue 2, point 2: the ACD registers at a real PBX like a phone: digest, refresh, stale nonces,
 * Min-Expires, back-off, several registrars, and back off on shutdown.
 */
import { describe, expect, it } from 'vitest';
import { startAcd, type Acd } from '../support/acd.ts';
import { until } from '../support/inbox.ts';
import { startKamailio } from '../support/kamailio.ts';
import { account, at, desk, registrarIs } from '../support/pbx.ts';
import { freePort } from '../support/ports.ts';
import { openStage } from '../support/stage.ts';
import { allWell, hearsMusic, phone, talk } from '../support/stories.ts';

const stage = openStage('registration');
const queues = [{ name: 'queue1', welcome: [], timeout: 5, retry: 0.5 }];
const agents = [{ id: '2771', queues: ['queue1'] }];

async function acdAt(...register: object[]): Promise<Acd> {
  return stage.addForTest(startAcd(stage, { queues, agents, sip: { register } }));
}

describe('registration', () => {
  it('at two PBXs at once, taken back on shutdown', async () => {
    const one = await stage.addForTest(startKamailio(stage));
    const two = await stage.addForTest(startKamailio(stage));
    const acd = await acdAt(account(one, 'one'), account(two, 'two'));
    for (const [pbx, name] of [
      [one, 'one'],
      [two, 'two'],
    ] as const) {
      await registrarIs(acd, name, 'registered');
      const call = await (
        await (await desk(stage, pbx, 'alice')).dial(at(pbx, 'queue1'))
      ).answered();
      await hearsMusic(call.rtp);
      await call.bye();
    }
    expect((await acd.health()).status).toBe('ok');
    await acd.stop();
    const late = await (await desk(stage, one, 'bob')).dial(at(one, 'queue1'));
    expect(await late.status()).toBe(480);
  });

  it('is refreshed within the life the PBX grants, with nonces turned stale', async () => {
    const pbx = await stage.addForTest(startKamailio(stage, { maxExpires: 12, nonceSeconds: 2 }));
    const acd = await acdAt(account(pbx));
    await registrarIs(acd, 'pbx', 'registered');
    const log = () => pbx.process.output().split('acd registered').length - 1;
    await until('a second REGISTER', log, (count) => count >= 2, 15_000);
    expect((await registrarIs(acd, 'pbx', 'registered'))?.state).toBe('registered');
  });

  it('takes the least life the PBX accepts (423)', async () => {
    const pbx = await stage.addForTest(startKamailio(stage, { minExpires: 120 }));
    await registrarIs(await acdAt(account(pbx)), 'pbx', 'registered');
  });

  it('is tried again when the PBX was away', async () => {
    const port = await freePort();
    // By TCP, where a PBX that is away is known at once.
    const acd = await acdAt(account({ uri: `sip:127.0.0.1:${port};transport=tcp` }));
    const call = await (await (await phone(stage, 'alice')).dial(acd.uri('queue1'))).answered();
    await registrarIs(acd, 'pbx', 'unreachable', 40_000);
    await call.bye();
    await stage.addForTest(startKamailio(stage, { port }));
    await registrarIs(acd, 'pbx', 'registered', 60_000);
  });

  it('that is answered 403, or has a wrong password, is told and disturbs nothing', async () => {
    const pbx = await stage.addForTest(startKamailio(stage, { forbidden: 'mallory' }));
    const wrong = { ...account(pbx, 'wrong'), password: 'no' };
    const acd = await acdAt(account(pbx, 'forbidden', 'mallory'), wrong);
    const forbidden = await registrarIs(acd, 'forbidden', 'rejected');
    expect(forbidden?.detail).toContain('403');
    await registrarIs(acd, 'wrong', 'rejected');
    expect((await acd.health()).status).toBe('degraded');
    const call = await (await (await phone(stage, 'alice')).dial(acd.uri('queue1'))).answered();
    await call.bye();
    await allWell(acd);
  });
});

describe('a PBX that knows no subscriptions, wants SHA-256 and asserts identities', () => {
  it('has its phones named by P-Asserted-Identity, and trusted', async () => {
    const options = { refuseSubscribe: 489, algorithm: 'SHA-256', assertsIdentity: true } as const;
    const pbx = await stage.addForTest(startKamailio(stage, options));
    const acd = await acdAt({ ...account(pbx), 'device-from': 'p-asserted-identity' });
    await registrarIs(acd, 'pbx', 'registered');
    const agent = await desk(stage, pbx, 'desk');
    const login = await (await agent.dial(at(pbx, '*442771'))).answered();
    await login.ended;
    await acd.agentIs('2771', 'idle');
    expect(agent.wire.trace.join('\n')).toContain('algorithm=SHA-256');
    const call = await (await (await desk(stage, pbx, 'alice')).dial(at(pbx, 'queue1'))).answered();
    const rung = await agent.incoming();
    rung.answer();
    await talk(call, rung);
    await rung.bye();
    expect(await call.ended).toBe('bye received');
  });
});
