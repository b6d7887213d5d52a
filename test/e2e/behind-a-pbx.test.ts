/**
 * Issue 2, points 3 to 5, behind a real PBX: callers and agents reach the ACD through Kamailio, and
 * it watches and dials the agents through it.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { startAcd, type Acd } from '../support/acd.ts';
import { firstTone } from '../support/audio.ts';
import { startBaresip } from '../support/baresip.ts';
import { until } from '../support/inbox.ts';
import { startKamailio, type Kamailio } from '../support/kamailio.ts';
import { account, at, desk, registrarIs } from '../support/pbx.ts';
import type { Phone } from '../support/phone.ts';
import { openStage } from '../support/stage.ts';
import { allWell, talk } from '../support/stories.ts';

const stage = openStage('behind-a-pbx');
const queues = [{ name: 'queue1', welcome: [], timeout: 5, retry: 0.5 }];
const agents = [
  { id: '2771', queues: ['queue1'] },
  { id: '2772', queues: ['queue1'] },
];

describe('behind a PBX', () => {
  let pbx: Kamailio;
  let acd: Acd;

  beforeAll(async () => {
    pbx = await stage.add(startKamailio(stage));
    const sip = { register: [account(pbx)] };
    acd = await stage.add(startAcd(stage, { queues, agents, sip }));
    await registrarIs(acd, 'pbx', 'registered');
  });

  stage.check(async () => {
    for (const { id } of agents) {
      await fetch(`${acd.rest}/agents/${id}/logout`, { method: 'POST' });
    }
    await allWell(acd);
  });

  async function logInThrough(made: Phone, id: string): Promise<void> {
    const call = await (await made.dial(at(pbx, `*44${id}`))).answered();
    await until(
      'logged in',
      async () => (await acd.agent(id)).state,
      (s) => s !== 'loggedout',
    );
    await call.bye();
    await acd.agentIs(id, 'idle');
  }

  it('a caller reaches an agent, watched and dialled through the PBX', async () => {
    const agent = await desk(stage, pbx, 'desk');
    await logInThrough(agent, '2771');
    expect(await acd.agent('2771')).toMatchObject({ device: `sip:desk@127.0.0.1:${pbx.port}` });
    const caller = await desk(stage, pbx, 'alice');
    const call = await (await caller.dial(at(pbx, 'queue1'))).answered();
    const rung = await agent.incoming();
    rung.ring();
    rung.answer();
    await talk(call, rung);
    expect(rung.dialog.routes.length).toBeGreaterThan(0);
    await call.bye();
    expect(await rung.ended).toBe('bye received');
  });

  it('an agent’s own call and his unregistering make him unavailable', async () => {
    const agent = await desk(stage, pbx, 'desk');
    await logInThrough(agent, '2771');
    const friend = await desk(stage, pbx, 'friend');
    const own = await agent.dial(at(pbx, 'friend'));
    (await friend.incoming()).answer();
    await own.answered();
    await acd.agentIs('2771', 'unavailable');
    await own.bye();
    await acd.agentIs('2771', 'idle');
    expect(await agent.register(0)).toBe(200);
    await acd.agentIs('2771', 'unavailable');
    expect(await agent.register()).toBe(200);
    await acd.agentIs('2771', 'idle');
  });

  it('an agent dials by REST: his phone, then the number, both through the PBX', async () => {
    const agent = await desk(stage, pbx, 'desk');
    await logInThrough(agent, '2771');
    const friend = await desk(stage, pbx, '4711');
    const order = await fetch(`${acd.rest}/calls`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ agent: '2771', to: '47 11' }),
    });
    expect(order.status).toBe(201);
    const own = await agent.incoming();
    own.ring();
    own.answer();
    const there = await friend.incoming();
    there.ring();
    there.answer();
    await talk(own, there);
    expect(there.dialog.routes.length).toBeGreaterThan(0);
    await own.bye();
    expect(await there.ended).toBe('bye received');
    await acd.agentIs('2771', 'idle');
  });

  it('baresip calls, baresip answers, each hears the other, and transfers him', async () => {
    const registrar = (user: string) => ({
      uri: pbx.uri,
      domain: pbx.domain,
      password: `pw-${user}`,
    });
    const agent = await stage.addForTest(
      startBaresip(stage, { user: 'ann', hertz: 1000, registrar: registrar('ann') }),
    );
    agent.dial(at(pbx, '*442772'));
    await agent.event('CALL_ESTABLISHED');
    await agent.event('CALL_CLOSED');
    await acd.agentIs('2772', 'idle');
    const caller = await stage.addForTest(
      startBaresip(stage, { user: 'cal', hertz: 440, registrar: registrar('cal'), codec: 'PCMA' }),
    );
    caller.dial(at(pbx, 'queue1'));
    await agent.event('CALL_ESTABLISHED');
    await until(
      'the agent to hear the caller',
      () => firstTone(agent.heard(), 440) !== null,
      Boolean,
    );
    await until(
      'the caller to hear the agent',
      () => firstTone(caller.heard(), 1000) !== null,
      Boolean,
    );
    // Its REFER: the caller, a baresip as well, calls where it says.
    const bob = await desk(stage, pbx, 'bob');
    agent.transfer(`sip:bob@${pbx.domain}`);
    const rung = await bob.incoming();
    rung.answer(['PCMA']);
    await rung.rtp.hearTone(440);
    await agent.event('CALL_CLOSED');
    await rung.bye();
  });
});
