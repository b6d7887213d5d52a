/**
 * Goal: a subscription lives with whatever a phone makes of it: another interval, an end as soon as
 * it began, parts where the whole was asked for, a second phone behind the same name. Method: an
 * edge on a stack in the test's hands, as is time.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Headers } from '../../../src/sip/port.ts';
import type { Incoming, Transaction } from './fake-stack.ts';
import { Past } from './past.ts';

let past: Past;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  past = await Past.make();
  await past.takeOver();
  await past.loggedIn();
  await past.stack.wait('SUBSCRIBE', 2);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const all = (event: string): Transaction[] =>
  past.stack.of('SUBSCRIBE').filter((one) => one.header('Event') === event);
const last = (event: string): Transaction => all(event).at(-1) as Transaction;
const state = () => past.runtime.state.agents.get('2771')?.deviceState;

async function pass(ms: number): Promise<void> {
  past.runtime.clock += ms;
  await vi.advanceTimersByTimeAsync(ms);
}

/** The phone's NOTIFY in the dialog that this SUBSCRIBE began; its From has `tag`. */
function notify(
  first: Transaction,
  cseq: number,
  [subscription, body = '']: readonly [string, string?],
  { tag = 'phone', isInDialog = true } = {},
): Incoming {
  const event = first.header('Event');
  const type = event === 'dialog' ? 'application/dialog-info+xml' : 'application/pidf+xml';
  const callId = first.header('Call-ID');
  const headers: Headers = {
    'Call-ID': callId,
    From: `<sip:agent@127.0.0.1>;tag=${tag}`,
    To: first.header('From'),
    CSeq: `${cseq} NOTIFY`,
    Event: event,
    'Subscription-State': subscription,
    'Content-Type': type,
  };
  const ours = /tag=(\w+)/.exec(first.header('From'))?.[1] ?? '';
  const dialogId = isInDialog ? `${callId};from-tag=${ours}` : '';
  return past.stack.receive('NOTIFY', headers, { dialogId, body });
}

const info = (version: number, whole: 'full' | 'partial', dialogs = ''): string =>
  `<dialog-info version="${version}" state="${whole}" entity="sip:a@b">${dialogs}</dialog-info>`;
const talk = (id: string, word: string): string =>
  `<dialog id="${id}"><state>${word}</state></dialog>`;

it('given 423, then it is asked again for as long as the phone wants, once', async () => {
  last('presence').answer(423, { 'Min-Expires': '3600' });
  await pass(0);
  expect(all('presence').map((one) => one.header('Expires'))).toEqual(['600', '3600']);
  last('presence').answer(423, { 'Min-Expires': '3600' });
  await pass(900);
  expect(all('presence')).toHaveLength(2);
});

it('given 423 to a refresh, then the dialog stays, and the phone what it was', async () => {
  last('dialog').answer(405);
  const first = last('presence');
  first.answer(200, { Expires: '60' });
  notify(first, 1, ['active', '<presence><basic>open</basic></presence>']);
  await pass(0);
  await pass(54_000);
  const { dialogId } = last('presence').request;
  expect(dialogId).toBeDefined();
  last('presence').answer(423, { 'Min-Expires': '1800' });
  await pass(0);
  expect(last('presence').header('Expires')).toBe('1800');
  expect(last('presence').request.dialogId).toBe(dialogId);
  expect(state()).toBe('idle');
});

it.each<[string, (one: Transaction) => void]>([
  ['accepts for no time', (one) => one.answer(200, { Expires: '0' })],
  [
    'ends it at once',
    (one) => {
      one.answer(200, { Expires: '600' });
      notify(one, 1, ['terminated;reason=deactivated']);
    },
  ],
])('given a phone that %s, then it is asked ever more seldom', async (_what, reply) => {
  const answered = new Set<Transaction>();
  for (let second = 0; second < 300; second += 1) {
    const open = all('presence').filter((one) => !answered.has(one));
    for (const one of open) {
      answered.add(one);
      reply(one);
    }
    await pass(1_000);
  }
  expect(all('presence').length).toBeLessThan(14);
});

it.each(['rejected', 'noresource'])(
  'given it ends at once as %s, then it was refused',
  async (reason) => {
    last('dialog').answer(405);
    last('presence').answer(202, { Expires: '600' });
    notify(last('presence'), 1, [`terminated;reason=${reason}`]);
    await pass(600_000);
    expect(all('presence')).toHaveLength(1);
    expect(state()).toBe('idle');
  },
);

it('given a phone that is gone for good, then it is asked now and then', async () => {
  last('dialog').answer(405);
  last('presence').answer(200, { Expires: '600' });
  notify(last('presence'), 1, ['active', '<presence><basic>open</basic></presence>']);
  await pass(0);
  notify(last('presence'), 2, ['terminated;reason=noresource']);
  await pass(59_000);
  expect([all('presence').length, state()]).toEqual([1, 'unknown']);
  await pass(1_000);
  expect(all('presence')).toHaveLength(2);
  // A phone that has told its state once has refused nothing, as long as its PBX does not know it.
  last('presence').answer(202, { Expires: '600' });
  notify(last('presence'), 1, ['terminated;reason=noresource']);
  await pass(60_000);
  expect(all('presence')).toHaveLength(3);
});

it('given it held for long, then its end is no failure: it is made again at once', async () => {
  for (let times = 1; times <= 4; times += 1) {
    const one = last('presence');
    one.answer(200, { Expires: '600' });
    notify(one, 1, ['active', '<presence><basic>open</basic></presence>']);
    await pass(0);
    await pass(31_000);
    notify(one, 2, ['terminated;reason=timeout']);
    await pass(50);
    expect(all('presence')).toHaveLength(times + 1);
  }
});

it('given expires=0 in a NOTIFY that is active, then nothing is asked for it', async () => {
  last('presence').answer(200, { Expires: '600' });
  for (let cseq = 1; cseq <= 5; cseq += 1) notify(last('presence'), cseq, ['active;expires=0']);
  await pass(10_000);
  expect(all('presence')).toHaveLength(1);
});

it('given a phone that sends parts only, then it is asked once for each one missed', async () => {
  last('presence').answer(405);
  const first = last('dialog');
  first.answer(200, { Expires: '600' });
  notify(first, 1, ['active', info(0, 'partial', talk('a', 'confirmed'))]);
  await pass(0);
  expect(all('dialog')).toHaveLength(2);
  last('dialog').answer(200, { Expires: '600' });
  notify(first, 2, ['active', info(1, 'partial', talk('a', 'confirmed'))]);
  await pass(0);
  expect(state()).toBe('inuse');
  notify(first, 3, ['active', info(2, 'partial', talk('a', 'terminated'))]);
  await pass(0);
  expect(state()).toBe('idle');
  expect(all('dialog')).toHaveLength(2);
});

it('given a proxy gave it to another phone too, then only the first is watched', async () => {
  last('presence').answer(405);
  const first = last('dialog');
  first.answer(200, { To: '<sip:agent@127.0.0.1>;tag=phone', Expires: '600' });
  notify(first, 1, ['active', info(0, 'full')]);
  const other = notify(first, 7, ['active', info(5, 'full', talk('x', 'confirmed'))], {
    tag: 'other',
    isInDialog: false,
  });
  expect((await other.answered()).status).toBe(481);
  await pass(0);
  expect(state()).toBe('idle');
  expect((await notify(first, 2, ['active', info(1, 'full')]).answered()).status).toBe(200);
});

const pidf = (basic: string): string => `<presence><basic>${basic}</basic></presence>`;

it('given a phone that is away, then it is asked ever more seldom, until it is back', async () => {
  // No spread.
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  last('dialog').answer(405);
  const first = last('presence');
  first.answer(200, { Expires: '3600' });
  notify(first, 1, ['active', pidf('closed')]);
  const asked: number[] = [];
  for (let second = 1; second <= 1_000; second += 1) {
    const before = all('presence').length;
    await pass(1_000);
    if (all('presence').length === before) continue;
    asked.push(second);
    last('presence').answer(200, { Expires: '3600' });
    notify(first, asked.length + 1, ['active', pidf('closed')]);
  }
  expect(asked).toEqual([5, 15, 35, 75, 155, 315, 615, 915]);
  await pass(215_000);
  last('presence').answer(200, { Expires: '3600' });
  notify(first, asked.length + 2, ['active', pidf('open')]);
  await pass(0);
  expect(state()).toBe('idle');
  const count = all('presence').length;
  await pass(600_000);
  expect(all('presence')).toHaveLength(count);
});

it('given a phone that talks with us, then it is not asked whether it still does', async () => {
  last('dialog').answer(405);
  const first = last('presence');
  first.answer(200, { Expires: '3600' });
  notify(first, 1, ['active', pidf('open')]);
  await past.offered('connected');
  notify(first, 2, ['active', '<presence><basic>open</basic><note>In use</note></presence>']);
  await pass(600_000);
  expect(state()).toBe('inuse');
  expect(all('presence')).toHaveLength(1);
});
