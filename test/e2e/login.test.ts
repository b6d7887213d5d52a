/**
 * Issue 2, point 5, first half: logging in and out by telephone. Prompt for the id, DTMF until `#`
 * by INFO of both kinds and by RFC 4733, optional PIN, three tries, spoken result, then BYE;
 * `*44<id>` without asking; a second login is refused (choices.test.ts: or replaces the first).
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { startAcd, type Acd } from '../support/acd.ts';
import type { Call } from '../support/call.ts';
import { within } from '../support/inbox.ts';
import { openStage } from '../support/stage.ts';
import { allWell, hears, logIn, phone, prompt } from '../support/stories.ts';

const stage = openStage('login');
const agents = [
  { id: '2771', queues: ['queue1'] },
  { id: '2772', queues: ['queue1'] },
];
let acd: Acd;

beforeAll(async () => {
  acd = await stage.add(
    startAcd(stage, {
      queues: [{ name: 'queue1', welcome: [] }],
      agents: [...agents, { id: '2773', pin: '4711', queues: ['queue1'] }],
    }),
  );
});

stage.check(async () => {
  for (const { id } of await acd.agents()) {
    await fetch(`${acd.rest}/agents/${id}/logout`, { method: 'POST' });
  }
  await allWell(acd);
});

async function dial(user: string, code: string): Promise<{ call: Call; aor: string }> {
  const desk = await phone(stage, user);
  const call = await (await desk.dial(acd.uri(code))).answered();
  call.rtp.sendSilence();
  return { call, aor: desk.aor };
}

async function hungUpOn(call: Call): Promise<void> {
  expect(await within('to be hung up on', call.ended, 15_000)).toBe('bye received');
}

describe('login', () => {
  it.each([
    [
      'acdlogin',
      'INFO, application/dtmf-relay',
      async (call: Call) => call.info('2771#', 'dtmf-relay'),
    ],
    ['*44', 'INFO, application/dtmf', async (call: Call) => call.info('2771#', 'dtmf')],
    ['acdlogin', 'RFC 4733', async (call: Call) => call.rtp.key('2771#')],
  ] as const)('by %s asks for the id, keyed by %s, tells the result and ends', async (...how) => {
    const [code, , key] = how;
    const { call, aor } = await dial('desk', code);
    await hears(call.rtp, prompt('agent-id'));
    await key(call);
    await hears(call.rtp, prompt('agent-login-ok'));
    await hungUpOn(call);
    expect(await acd.agentIs('2771', 'idle')).toMatchObject({ device: aor });
  });

  it('by *44<id> asks nothing', async () => {
    const { call, aor } = await dial('desk', '*442771');
    const said = await hears(call.rtp, prompt('agent-login-ok'));
    expect(said.at).toBeLessThan(8_000);
    await hungUpOn(call);
    expect(await acd.agentIs('2771', 'idle')).toMatchObject({ device: aor });
  });

  it('takes a digit once that is sent both as INFO and as RFC 4733', async () => {
    const { call } = await dial('desk', '*44');
    for (const digit of '2771#') {
      await Promise.all([call.rtp.key(digit), call.info(digit, 'dtmf-relay')]);
    }
    await hears(call.rtp, prompt('agent-login-ok'));
    await acd.agentIs('2771', 'idle');
    await hungUpOn(call);
  });

  it('asks for the PIN of an agent who has one', async () => {
    const { call } = await dial('desk', '*442773');
    await hears(call.rtp, prompt('agent-pin'));
    await call.info('4711#', 'dtmf-relay');
    await hears(call.rtp, prompt('agent-login-ok'));
    await hungUpOn(call);
    await acd.agentIs('2773', 'idle');
  });

  it('gives three tries, then says goodbye', async () => {
    const { call } = await dial('desk', '*44');
    for (const wrong of ['999#', '998#', '997#']) {
      const from = call.rtp.mark();
      await call.info(wrong, 'dtmf-relay');
      if (wrong === '997#') break;
      // Others have PINs, so one is asked of agents who do not exist, too.
      await hears(call.rtp, prompt('agent-pin'), from);
      await call.info('1#', 'dtmf-relay');
      await hears(call.rtp, prompt('agent-incorrect'), from);
    }
    await call.info('1#', 'dtmf-relay');
    await hungUpOn(call);
    await hears(call.rtp, prompt('goodbye'));
    expect((await acd.agents()).map((agent) => agent.state)).toEqual([
      'loggedout',
      'loggedout',
      'loggedout',
    ]);
  });

  it('that is hung up midway leaves nothing', async () => {
    const { call } = await dial('desk', '*44');
    await call.info('27', 'dtmf-relay');
    await call.bye();
    expect((await acd.agent('2771')).state).toBe('loggedout');
  });
});

describe('logout', () => {
  it.each(['acdlogout', '*45'])('by %s', async (code) => {
    const desk = await phone(stage, 'desk');
    await logIn(acd, desk, '2771');
    const call = await (await desk.dial(acd.uri(code))).answered();
    call.rtp.sendSilence();
    await hears(call.rtp, prompt('agent-logout-ok'));
    await hungUpOn(call);
    expect(await acd.agentIs('2771', 'loggedout')).toMatchObject({ device: '', idletime: '0' });
    // The phone is watched no more.
    await desk.watched.subscribes.take('end of a subscription', (m) =>
      m.headers.some(([name, value]) => name === 'Expires' && value === '0'),
    );
  });

  it('of a phone on which nobody is logged in is told so', async () => {
    const { call } = await dial('desk', '*45');
    await hears(call.rtp, prompt('agent-not-logged-in'));
    await hungUpOn(call);
  });
});

describe('a second login is refused', () => {
  it('of one agent on another phone', async () => {
    const desk = await phone(stage, 'desk');
    await logIn(acd, desk, '2771');
    const { call } = await dial('elsewhere', '*442771');
    await hears(call.rtp, prompt('agent-already-on'));
    await hungUpOn(call);
    expect((await acd.agent('2771')).device).toBe(desk.aor);
  });

  it('of another agent on the same phone', async () => {
    const desk = await phone(stage, 'desk');
    await logIn(acd, desk, '2771');
    const call = await (await desk.dial(acd.uri('*442772'))).answered();
    call.rtp.sendSilence();
    await hears(call.rtp, prompt('agent-device-taken'));
    await hungUpOn(call);
    expect((await acd.agent('2772')).state).toBe('loggedout');
  });
});
