/**
 * Issue 2, point 5, second half: the agent's phone is watched by presence and by dialog-info, and
 * either may take availability away; subscriptions are refreshed and re-made; a phone that
 * refuses them is trusted (choices.test.ts: unless `presence: required`). And bad NOTIFYs disturb
 * nobody.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { startAcd, type Acd } from '../support/acd.ts';
import { until } from '../support/inbox.ts';
import type { Phone } from '../support/phone.ts';
import { header, statusOf, tagOf, target } from '../support/sip-message.ts';
import { openStage } from '../support/stage.ts';
import { allWell, enter, logIn, phone, talk } from '../support/stories.ts';

const stage = openStage('presence');
const common = {
  queues: [{ name: 'queue1', welcome: [], timeout: 5, retry: 0.5 }],
  agents: [{ id: '2771', queues: ['queue1'] }],
};
let acd: Acd;

beforeAll(async () => {
  acd = await stage.add(startAcd(stage, { ...common, sip: { 'subscribe-expires': 30 } }));
});

stage.check(async () => {
  await fetch(`${acd.rest}/agents/2771/logout`, { method: 'POST' });
  await allWell(acd);
});

async function watchedDesk(): Promise<Phone> {
  const desk = await phone(stage, 'desk');
  desk.showsCalls = false; // the test says what it shows
  await logIn(acd, desk, '2771');
  await until(
    'both packages watched',
    () => desk.watched.watchedBy.length,
    (n) => n === 2,
  );
  await desk.watched.show('idle');
  await acd.agentIs('2771', 'idle');
  return desk;
}

describe('a watched phone', () => {
  it('is asked for both packages, by the name of its Contact', async () => {
    const desk = await watchedDesk();
    const first = await desk.watched.subscribes.take('SUBSCRIBE', () => true);
    const second = await desk.watched.subscribes.take('SUBSCRIBE', () => true);
    expect([header(first, 'Event'), header(second, 'Event')].sort()).toEqual([
      'dialog',
      'presence',
    ]);
    expect(header(first, 'To')).toContain(desk.aor);
  });

  it.each(['inuse', 'ringing', 'unavailable'] as const)(
    'that is %s of its own gets no call, and gets it when it is idle',
    async (shown) => {
      const desk = await watchedDesk();
      await desk.watched.show(shown);
      await acd.agentIs('2771', 'unavailable');
      const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
      expect((await acd.calls('queue1'))[0]).toMatchObject({ state: 'queued' });
      expect(desk.ringing.pending).toEqual([]);
      await desk.watched.show('idle');
      const rung = await desk.incoming();
      rung.answer();
      await talk(call, rung);
      await call.bye();
      await rung.ended;
    },
  );

  it('that shows our own ring and our own call is offered and connected once', async () => {
    const desk = await phone(stage, 'desk'); // shows calls by itself
    await logIn(acd, desk, '2771');
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
    const rung = await desk.incoming();
    rung.ring();
    await acd.agentIs('2771', 'ringing');
    rung.answer();
    await acd.agentIs('2771', 'busy');
    await talk(call, rung);
    await rung.bye();
    await acd.agentIs('2771', 'idle');
    expect(desk.history).toHaveLength(2);
  });
});

describe('a subscription', () => {
  it('is refreshed, and made anew after 481', async () => {
    const desk = await phone(stage, 'desk');
    desk.watched.maxExpires = 2;
    await logIn(acd, desk, '2771');
    const isRefresh = (m: Parameters<typeof header>[0]) => tagOf(header(m, 'To')) !== '';
    const refresh = await desk.watched.subscribes.take('refresh', isRefresh, 20_000);
    desk.watched.forget();
    const isAnew = (m: Parameters<typeof header>[0]) =>
      !isRefresh(m) && header(m, 'Call-ID') !== header(refresh, 'Call-ID');
    while (desk.watched.subscribes.pending.length > 0) {
      await desk.watched.subscribes.take('old ones', () => true);
    }
    await desk.watched.subscribes.take('new SUBSCRIBE', isAnew, 30_000);
    await acd.agentIs('2771', 'idle', 30_000);
  });

  it('that is terminated is made anew', async () => {
    const desk = await watchedDesk();
    while (desk.watched.subscribes.pending.length > 0) {
      await desk.watched.subscribes.take('old ones', () => true);
    }
    await desk.watched.terminate('deactivated');
    const isAnew = (m: Parameters<typeof header>[0]) => tagOf(header(m, 'To')) === '';
    await desk.watched.subscribes.take('new SUBSCRIBE', isAnew, 30_000);
    await acd.agentIs('2771', 'idle', 30_000);
  });
});

describe('a phone that refuses subscriptions', () => {
  it.each([405, 489, 501, 603])('with %i is trusted to be idle', async (status) => {
    const desk = await phone(stage, 'desk');
    desk.watched.policy.presence = status;
    desk.watched.policy.dialog = status;
    await logIn(acd, desk, '2771');
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
    const rung = await desk.incoming();
    rung.answer();
    await talk(call, rung);
    await rung.bye();
    await acd.agentIs('2771', 'idle');
  });

  it('one of the two packages is watched by the other', async () => {
    const desk = await phone(stage, 'desk');
    desk.watched.policy.presence = 489;
    desk.showsCalls = false;
    await logIn(acd, desk, '2771');
    await desk.watched.show('inuse');
    await acd.agentIs('2771', 'unavailable');
    await desk.watched.show('idle');
    await acd.agentIs('2771', 'idle');
  });
});

describe('a bad NOTIFY', () => {
  it.each([
    ['broken XML', '<presence><tuple'],
    ['no XML', 'hello'],
    ['entities', '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">]><presence>&b;</presence>'],
    ['nothing', ''],
  ])('with %s is answered and changes nothing', async (_name, body) => {
    const desk = await watchedDesk();
    for (const event of ['presence', 'dialog'] as const) {
      const type = event === 'presence' ? 'application/pidf+xml' : 'application/dialog-info+xml';
      const statuses = await desk.watched.notifyRaw(event, body, type);
      expect(statuses).toHaveLength(1);
      expect(statuses[0]).toBeGreaterThanOrEqual(200);
    }
    expect((await acd.agent('2771')).state).toBe('idle');
    await desk.watched.show('inuse');
    await acd.agentIs('2771', 'unavailable');
  });

  it('for no subscription is answered 481', async () => {
    const stranger = await phone(stage, 'stranger');
    const uri = acd.uri('acd');
    const response = await stranger.submit(
      {
        start: `NOTIFY ${uri} SIP/2.0`,
        headers: [
          ['Max-Forwards', '70'],
          ['From', `<${stranger.aor}>;tag=1`],
          ['To', `<${uri}>;tag=2`],
          ['Call-ID', stranger.wire.newId()],
          ['CSeq', '1 NOTIFY'],
          ['Contact', `<${stranger.contact}>`],
          ['Event', 'presence'],
          ['Subscription-State', 'active;expires=60'],
        ],
        body: '',
      },
      target(uri),
    );
    expect(statusOf(response)).toBe(481);
  });
});
