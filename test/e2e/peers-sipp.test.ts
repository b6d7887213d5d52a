/** The SIPp scenarios against the test phones, without the ACD: do they tell what they say? */
import { describe, expect, it } from 'vitest';
import { Phone } from '../support/phone.ts';
import { startSipp } from '../support/sipp.ts';
import { openStage } from '../support/stage.ts';

const stage = openStage('peers-sipp');
const good = { code: 0, successful: 1, failed: 0 };

async function desk(): Promise<Phone> {
  return stage.addForTest(Phone.open({ user: 'desk' }));
}

describe('sipp as caller', () => {
  it.each(['u1', 't1'] as const)('waits until he is hung up on (%s)', async (transport) => {
    const phone = await desk();
    phone.onCall = (call) => {
      call.ring();
      call.answer();
      void call.acked.then(async () => call.bye());
    };
    const remote = `127.0.0.1:${phone.wire.port}`;
    const sipp = await stage.addForTest(
      startSipp(stage, { scenario: 'caller_waits', remote, service: 'queue1', transport }),
    );
    expect(await sipp.result).toMatchObject(good);
  });

  it('gives up after a second, or cancels while it rings', async () => {
    const phone = await desk();
    const remote = `127.0.0.1:${phone.wire.port}`;
    phone.onCall = (call) => call.answer();
    const leaver = await stage.addForTest(
      startSipp(stage, { scenario: 'caller_gives_up', remote, service: 'queue1' }),
    );
    expect(await leaver.result).toMatchObject(good);
    phone.onCall = (call) => call.ring();
    const canceller = await stage.addForTest(
      startSipp(stage, { scenario: 'caller_cancels', remote, service: 'queue1' }),
    );
    expect(await canceller.result).toMatchObject(good);
    expect(phone.history.map((call) => call.end)).toEqual(['bye received', 'cancel received']);
  });

  it('logs in directly and by INFO', async () => {
    const phone = await desk();
    const remote = `127.0.0.1:${phone.wire.port}`;
    const service = '*44';
    const keys = { agent: 'phone1' };
    phone.onCall = (call) => {
      call.answer();
      void call.acked.then(async () => call.bye());
    };
    const direct = await stage.addForTest(
      startSipp(stage, { scenario: 'login_direct', remote, service: '*442771', keys }),
    );
    expect(await direct.result).toMatchObject(good);
    phone.onCall = (call) => call.answer();
    const keyed = await stage.addForTest(
      startSipp(stage, { scenario: 'login_by_info', remote, service, keys }),
    );
    const call = await phone.dialled(1);
    for (let digit = 0; digit < 5; digit += 1) await call.requested('INFO');
    await call.bye();
    expect(await keyed.result).toMatchObject(good);
    expect(call.requests.map((request) => request.body.slice(7, 8)).join('')).toBe('2771#');
  });
});

describe('sipp as agent', () => {
  async function agent(scenario: string) {
    return stage.addForTest(startSipp(stage, { scenario, service: 'agent' }));
  }

  it('answers, and either side hangs up', async () => {
    const caller = await desk();
    const waiting = await agent('agent_answers');
    const first = await (await caller.dial(`sip:agent@127.0.0.1:${waiting.port}`)).answered();
    await first.bye();
    expect(await waiting.result).toMatchObject(good);
    const leaving = await agent('agent_answers_and_hangs_up');
    const second = await (await caller.dial(`sip:agent@127.0.0.1:${leaving.port}`)).answered();
    expect(await second.ended).toBe('bye received');
    expect(await leaving.result).toMatchObject(good);
  });

  it('is busy, declines, or lets it ring', async () => {
    const caller = await desk();
    for (const [scenario, status] of [
      ['agent_busy', 486],
      ['agent_declines', 603],
    ] as const) {
      const sipp = await agent(scenario);
      const call = await caller.dial(`sip:agent@127.0.0.1:${sipp.port}`);
      expect(await call.status()).toBe(status);
      expect(await sipp.result).toMatchObject(good);
    }
    const silent = await agent('agent_silent');
    const call = await caller.dial(`sip:agent@127.0.0.1:${silent.port}`);
    await call.provisional(180);
    expect(await call.cancel()).toBe(200);
    expect(await call.status()).toBe(487);
    expect(await silent.result).toMatchObject(good);
  });
});
