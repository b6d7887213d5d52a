/**
 * A scripted day of a small house, told by the core itself: two queues, three agents, and callers
 * to whom everything happens that queue_log has a verb for.
 */
import type { CoreEvent } from '../../../src/core/events.ts';
import { agent, config, queue, scenario, type Scenario } from '../core/scenario.ts';

export const DAY = '2026-11-25';
export const EIGHT = Date.parse(`${DAY}T08:00:00Z`);

const house = (penalty = 0) =>
  config(
    [
      queue('sales', {
        leaveWhenEmpty: ['paused', 'unavailable'],
        maxWaitMs: 60_000,
        exitKeys: { '1': [{ to: 'busy' }] },
        failover: { TIMEOUT: [{ to: 'queue', queue: 'help' }] },
        maxlen: 10,
      }),
      queue('help'),
    ],
    [
      { ...agent('1', 'sales', 'help'), memberships: [{ queue: 'sales', penalty }] },
      agent('2', 'sales'),
      agent('3', 'help'),
    ],
  );

function from(number: string) {
  return { from: `${number}@pbx`, fromName: '' };
}

function morning(s: Scenario): void {
  s.when({ kind: 'NoteStart', version: '1' });
  s.apply(house());
  s.pass(1_000);
  s.ready('1');
  s.pass(60_000);
  // Answered after 3 s of ringing and 4 s of waiting; the agent hangs up.
  s.arrive('c1', 'sales', from('5551001'));
  s.pass(1_000);
  s.when({ kind: 'ConfirmCall', callId: 'c1' });
  s.pass(3_000);
  s.serve('1', 61_000);
  // The caller hangs up.
  s.call('c2', 'sales', from('5551002'));
  s.pass(2_500);
  s.talk('1');
  s.pass(30_000);
  s.when({ kind: 'EndCall', callId: 'c2', cause: 'bye' });
  // He gives up while the phone rings.
  s.call('c3', 'sales', from('5551003'));
  s.pass(7_250);
  s.when({ kind: 'EndCall', callId: 'c3', cause: 'cancel' });
}

function noon(s: Scenario): void {
  // Nobody answers: rung for 15 s; then he declines, answers without audio, hangs up too early.
  s.call('c4', 'sales', from('5551004'));
  s.pass(15_000);
  s.pass(5_000);
  s.fail('1');
  s.pass(5_000);
  s.when({ kind: 'AnswerOffer', offerId: s.offerOf('1') });
  s.pass(5_000);
  s.pass(5_000);
  s.when({ kind: 'AnswerOffer', offerId: s.offerOf('1') });
  s.when({ kind: 'EndAgentLeg', offerId: s.offerOf('1'), cause: 'bye' });
  // 60 s are over: he goes on to `help`, behind nobody, and waits there until somebody comes.
  s.pass(30_000);
  s.pass(10_000);
  s.when({ kind: 'EndCall', callId: 'c4', cause: 'bye' });
  // An exit key; taken out.
  s.report('1', 'inuse');
  s.call('c5', 'sales', from('+49 30 1|2'));
  s.call('c6', 'sales', from('5551006'));
  s.pass(9_000);
  s.when({ kind: 'ExitCall', callId: 'c5', key: '1' });
  s.when({ kind: 'WithdrawCall', callId: 'c6' });
}

function afternoon(s: Scenario): void {
  // Pauses, one queue and all; the last one able goes, and the queue is empty.
  s.when({ kind: 'PauseAgent', agentId: '1', reason: 'desk', queue: 'help' });
  s.pass(1_000);
  s.call('c7', 'sales', from('5551007'));
  s.pass(2_000);
  s.when({ kind: 'PauseAgent', agentId: '1', reason: 'lunch' });
  s.pass(1_800_000);
  s.when({ kind: 'ResumeAgent', agentId: '1' });
  // The configuration changes a penalty, and takes him out of a queue.
  s.apply(house(3));
  const without = house(3);
  s.apply({ ...without, agents: without.agents.filter(({ id }) => id !== '3') });
  s.report('1', 'idle');
  s.ready('2');
  s.pass(1_000);
  s.when({ kind: 'LogOutAgent', who: { agentId: '2' } });
  s.when({ kind: 'LogOutAgent', who: { agentId: '1' } });
}

/** Its events. */
export function scriptedDay(): readonly CoreEvent[] {
  const s = scenario();
  s.now = EIGHT;
  morning(s);
  noon(s);
  afternoon(s);
  return s.history;
}
