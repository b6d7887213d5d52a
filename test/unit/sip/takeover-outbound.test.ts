/**
 * Goal: an agent's own call is taken over from a server that was killed: nobody is rung twice, the
 * talk goes on, and who has hung up meanwhile ends it for the other. Method: as in
 * takeover.test.ts.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { STANDARD_OUTBOUND } from '../../../src/core/rules.ts';
import { dialogIdOf } from '../../../src/sip/client.ts';
import { outboundIdentity } from '../../../src/sip/outbound-names.ts';
import type { HeldDialog } from '../../../src/sip/port.ts';
import { SDP_OFFER } from './fakes.ts';
import { Past } from './past.ts';

const AGENT = dialogIdOf(outboundIdentity('o1', 'agent'));
const CALLEE = dialogIdOf(outboundIdentity('o1', 'callee'));
const PHASES = ['begun', 'rung', 'dialled', 'talking'] as const;
let past: Past;

beforeEach(async () => {
  past = await Past.make();
});

/** Agent 2771 has dialled, and it got so far; the legs of that live. */
async function dialled(phase: (typeof PHASES)[number]): Promise<void> {
  await past.loggedIn();
  const order = { callId: 'o1', agentId: '2771', uri: 'sip:d@pbx' } as const;
  await past.runtime.submit({ kind: 'DialOut', by: 'http', ...order });
  const steps = ['RingOutbound', 'PickUpOutbound', 'ConnectOutbound'] as const;
  for (const kind of steps.slice(0, PHASES.indexOf(phase))) {
    await past.runtime.submit({ kind, by: 'sip', callId: 'o1' });
  }
  past.media.live.add('o1.a');
  if (phase === 'talking' || phase === 'dialled') past.media.live.add('o1.c');
}

const holds = (dialogId: string, state: HeldDialog['state'] = 'confirmed'): void =>
  past.held({ dialogId, role: 'uac', state });

const says = (dialogId: string, method: string) =>
  past.stack.receive(method, { To: '<sip:d@pbx>;tag=t' }, { dialogId });

const invited = () =>
  past.stack.of('INVITE').map(({ request }) => request.headers?.['Call-ID'] ?? '');

const ending = () => [...past.runtime.of('EndOutbound'), ...past.runtime.of('RefuseOutbound')];

describe('two who talk', () => {
  it('go on; BYE of either ends it for the other', async () => {
    await dialled('talking');
    holds(AGENT);
    holds(CALLEE);
    await past.takeOver();
    expect([past.byes(), invited()]).toEqual([[], []]);
    expect(past.media.of('connect').at(-1)).toMatchObject({ leg: 'o1.a', args: ['o1.c'] });
    says(CALLEE, 'BYE');
    expect(await past.runtime.wait('EndOutbound')).toMatchObject({
      ...{ outcome: 'completed', endedBy: 'callee' },
    });
    await past.stack.wait('BYE');
    expect(past.byes()).toEqual([AGENT]);
    expect([...past.media.live]).toEqual([]);
    expect(past.runtime.state.outbound.size).toBe(0);
  });

  it.each([
    ['the agent hung up', 'agent', 'BYE', AGENT, CALLEE],
    ['the other hung up', 'callee', 'BYE', CALLEE, AGENT],
    ['the agent’s leg was lost', 'system', '408 Request Timeout', AGENT, CALLEE],
    ['the other’s leg was lost', 'system', '408 Request Timeout', CALLEE, AGENT],
  ] as const)('given %s meanwhile, it ended then', async (_what, endedBy, why, gone, left) => {
    await dialled('talking');
    past.runtime.clock += 5_000;
    const at = past.runtime.now() - 2_000;
    past.ended(gone, why, at);
    holds(left);
    await past.takeOver();
    expect(ending()).toMatchObject([{ outcome: 'completed', endedBy, endedAt: at }]);
    await past.stack.wait('BYE');
    expect(past.byes()).toEqual([left]);
    expect([...past.media.live]).toEqual([]);
  });

  it('given a SIP server that tells nothing, both are believed', async () => {
    past.stack.kept = null;
    await dialled('talking');
    await past.takeOver();
    expect([past.byes(), ending()]).toEqual([[], []]);
    const asked = past.stack.of('OPTIONS').map(({ request }) => request.dialogId);
    expect(asked).toEqual([AGENT, CALLEE]);
  });
});

describe('a number that rings', () => {
  it('rings on, and is not dialled again; its answer is bridged', async () => {
    await dialled('dialled');
    holds(AGENT);
    holds(CALLEE, 'early');
    await past.takeOver();
    expect(invited()).toEqual([]);
    past.kept.resumed[0]?.answer(200, {}, SDP_OFFER);
    expect(await past.runtime.wait('ConnectOutbound')).toMatchObject({ callId: 'o1' });
  });

  it('given its INVITE never left, is dialled now', async () => {
    await dialled('dialled');
    holds(AGENT);
    await past.takeOver();
    await past.stack.wait('INVITE');
    expect(invited()).toEqual(['dialled-o1']);
  });

  it('given it was busy meanwhile, the agent is told so', async () => {
    await dialled('dialled');
    holds(AGENT);
    past.ended(CALLEE, '486 Busy Here', past.runtime.now());
    await past.takeOver();
    expect(ending()).toMatchObject([{ outcome: 'busy', sipStatus: 486, detail: '486 Busy Here' }]);
    const bye = await past.stack.wait('BYE');
    expect(bye.request.headers?.['Reason']).toContain('cause=17');
  });

  /** The number was refused, and the agent hears so. */
  async function refused(): Promise<void> {
    await dialled('dialled');
    const { config } = past.runtime.state;
    const told = { ...config, outbound: STANDARD_OUTBOUND };
    await past.runtime.submit({ kind: 'ApplyConfig', by: 'test', config: told });
    const why = { outcome: 'busy', sipStatus: 486 } as const;
    await past.runtime.submit({ kind: 'RefuseOutbound', by: 'sip', callId: 'o1', ...why });
  }

  it('given it was busy before, the agent hears so, and nobody is dialled again', async () => {
    await refused();
    holds(AGENT);
    await past.takeOver();
    expect(past.media.of('play')).toMatchObject([{ leg: 'o1.a' }]);
    expect([invited(), past.byes()]).toEqual([[], []]);
    says(AGENT, 'BYE');
    await past.runtime.wait('EndOutbound');
    expect(past.runtime.state.outbound.size).toBe(0);
  });

  it.each([
    ['rings', 'early', [], [CALLEE]],
    ['has answered', 'confirmed', [CALLEE], []],
  ] as const)('given it was refused, and %s at the server, is ended', async (...how) => {
    const [, state, byes, cancelled] = how;
    await refused();
    holds(AGENT);
    holds(CALLEE, state);
    await past.takeOver();
    expect([past.byes(), past.kept.cancelled, past.kept.resumed]).toEqual([byes, cancelled, []]);
    // The agent hears the tone, and of that leg nothing is left.
    expect(past.media.of('play')).toMatchObject([{ leg: 'o1.a' }]);
    expect([...past.media.live]).toEqual(['o1.a']);
    expect(past.runtime.state.outbound.size).toBe(1);
  });

  it('given it was refused, and a SIP server that tells nothing, is taken back', async () => {
    past.stack.kept = null;
    await refused();
    await past.takeOver();
    expect(past.media.of('play')).toMatchObject([{ leg: 'o1.a' }]);
    expect([...past.media.live]).toEqual(['o1.a']);
    const bye = await past.stack.wait('BYE');
    expect([bye.request.dialogId, ending()]).toEqual([CALLEE, []]);
  });

  it('given the agent hung up meanwhile, is taken back', async () => {
    await dialled('dialled');
    past.ended(AGENT, 'BYE', past.runtime.now());
    holds(CALLEE, 'early');
    await past.takeOver();
    expect(ending()).toMatchObject([{ outcome: 'cancelled', endedBy: 'agent' }]);
    expect(past.kept.cancelled).toEqual([CALLEE]);
  });

  it('given a SIP server that tells nothing, is taken back, and the agent let go', async () => {
    past.stack.kept = null;
    await dialled('dialled');
    await past.takeOver();
    expect(ending()).toMatchObject([{ outcome: 'failed' }]);
    expect(invited()).toEqual([]);
    await past.stack.wait('BYE');
    expect(past.byes()).toContain(AGENT);
  });
});

describe('a phone that had answered, of which the journal did not come to know', () => {
  it.each([
    ['the agent’s', 'rung', AGENT, [AGENT]],
    ['the number’s', 'dialled', CALLEE, [AGENT, CALLEE]],
  ] as const)('given it is %s, is hung up on', async (_whose, phase, dialogId, left) => {
    await dialled(phase);
    if (phase === 'dialled') holds(AGENT);
    holds(dialogId);
    await past.takeOver();
    past.kept.resumed[0]?.fail('no-dialog');
    await past.stack.wait('BYE', left.length);
    expect(past.byes().sort()).toEqual([...left].sort());
    expect(ending()).toHaveLength(1);
    expect([...past.media.live]).toEqual([]);
  });
});

describe('a phone whose answer came a moment before the server was killed', () => {
  const answer = { localSdp: SDP_OFFER, remoteSdp: SDP_OFFER };

  it('given it is the agent’s, is his call: the number is dialled', async () => {
    await dialled('rung');
    holds(AGENT);
    past.kept.sdps.set(AGENT, answer);
    await past.takeOver();
    past.kept.resumed[0]?.fail('no-dialog');
    await past.runtime.wait('PickUpOutbound');
    await past.stack.wait('INVITE');
    expect([invited(), past.byes(), ending()]).toEqual([['dialled-o1'], [], []]);
  });

  it('given it is the number’s, is a talk', async () => {
    await dialled('dialled');
    [AGENT, CALLEE].forEach((each) => holds(each));
    past.kept.sdps.set(CALLEE, answer);
    await past.takeOver();
    past.kept.resumed[0]?.fail('no-dialog');
    await past.runtime.wait('ConnectOutbound');
    expect([invited(), past.byes(), ending()]).toEqual([[], [], []]);
  });

  it('given the agent has left before that is known, is hung up on', async () => {
    await dialled('dialled');
    [AGENT, CALLEE].forEach((each) => holds(each));
    past.kept.sdps.set(CALLEE, answer);
    await past.takeOver();
    says(AGENT, 'BYE');
    past.kept.resumed[0]?.fail('no-dialog');
    await past.stack.wait('BYE');
    expect([past.byes(), ending()]).toMatchObject([[CALLEE], [{ outcome: 'cancelled' }]]);
  });
});

describe('an agent’s phone that is called', () => {
  it('rings on; when he takes it, the number is dialled', async () => {
    await dialled('rung');
    holds(AGENT, 'early');
    await past.takeOver();
    expect(invited()).toEqual([]);
    past.kept.resumed[0]?.answer(200, {}, SDP_OFFER);
    await past.runtime.wait('PickUpOutbound');
    await past.stack.wait('INVITE');
    expect(invited()).toEqual(['dialled-o1']);
  });

  it('given its INVITE never left, is called now', async () => {
    await dialled('begun');
    await past.takeOver();
    await past.stack.wait('INVITE');
    expect(invited()).toEqual(['outbound-o1']);
  });

  it('is asked for a session timer, as is the number (RFC 4028 §7.1)', async () => {
    past.sip = { sessionExpiresMs: 1_800_000 };
    await dialled('begun');
    await past.takeOver();
    (await past.stack.wait('INVITE')).answer(200, {}, SDP_OFFER);
    await past.stack.wait('INVITE', 2);
    const asked = past.stack.of('INVITE').map((each) => each.header('Session-Expires'));
    expect(asked).toEqual(['1800', '1800']);
  });

  it('given it rang, and nothing is known of it, is not rung again', async () => {
    await dialled('rung');
    await past.takeOver();
    expect(ending()).toMatchObject([{ outcome: 'failed' }]);
    expect(invited()).toEqual([]);
  });

  it('given he declined meanwhile, nobody is dialled', async () => {
    await dialled('rung');
    past.ended(AGENT, '603 Decline', past.runtime.now());
    await past.takeOver();
    expect(ending()).toMatchObject([{ outcome: 'agent-missed', failure: 'declined' }]);
    expect(invited()).toEqual([]);
  });
});
