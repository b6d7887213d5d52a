/**
 * Issue 2, point 5, where the operator chooses otherwise than the standard: a second login replaces
 * the first, presence is required. An ACD for each test: where ACD_DRACHTIO names one SIP server
 * for all, only one ACD may be on it at a time.
 */
import { describe, expect, it } from 'vitest';
import { startAcd } from '../support/acd.ts';
import type { Call } from '../support/call.ts';
import { within } from '../support/inbox.ts';
import { openStage } from '../support/stage.ts';
import { allWell, hears, logIn, phone, prompt } from '../support/stories.ts';

const stage = openStage('choices');
const common = {
  queues: [{ name: 'queue1', welcome: [] }],
  agents: [
    { id: '2771', queues: ['queue1'] },
    { id: '2772', queues: ['queue1'] },
  ],
};

async function hungUpOn(call: Call): Promise<void> {
  expect(await within('to be hung up on', call.ended, 15_000)).toBe('bye received');
}

describe('where the second login replaces the first', () => {
  it('an agent moves to the new phone, and a phone to the new agent', async () => {
    const sip = { login: { 'second-login': 'replace' } };
    const acd = await stage.addForTest(startAcd(stage, { ...common, sip }));
    const [desk, elsewhere] = [await phone(stage, 'desk'), await phone(stage, 'elsewhere')];
    await logIn(acd, desk, '2771');
    const call = await (await elsewhere.dial(acd.uri('*442771'))).answered();
    await hungUpOn(call);
    expect(await acd.agentIs('2771', 'idle')).toMatchObject({ device: elsewhere.aor });
    const again = await (await elsewhere.dial(acd.uri('*442772'))).answered();
    await hungUpOn(again);
    expect(await acd.agentIs('2772', 'idle')).toMatchObject({ device: elsewhere.aor });
    expect((await acd.agent('2771')).state).toBe('loggedout');
    await allWell(acd);
  });
});

describe('where presence is required', () => {
  it('a phone that refuses both subscriptions cannot log in, and is told so', async () => {
    const acd = await stage.addForTest(
      startAcd(stage, { ...common, sip: { presence: 'required' } }),
    );
    const desk = await phone(stage, 'desk');
    desk.watched.policy.presence = 489;
    desk.watched.policy.dialog = 489;
    const call = await (await desk.dial(acd.uri('*442771'))).answered();
    call.rtp.sendSilence();
    await hears(call.rtp, prompt('agent-no-presence'));
    await hungUpOn(call);
    expect((await acd.agent('2771')).state).toBe('loggedout');
    await allWell(acd);
  });
});
