/** Goal: what the edges read. Method: a small house, looked at. */
import { describe, expect, it } from 'vitest';
import { must } from '../../../src/core/state.ts';
import { listAgents, listCalls, listQueues, positionOf } from '../../../src/core/views.ts';
import { agent, config, queue, scenario } from './scenario.ts';

function house() {
  const s = scenario(
    config([queue('sales'), queue('help')], [agent('2', 'sales'), agent('1', 'sales')]),
  );
  s.ready('1');
  for (const id of ['a', 'b', 'c']) s.call(id, 'sales');
  s.talk('1');
  s.arrive('d', 'help');
  return s;
}

describe('views', () => {
  it('list queues and agents in the order of the configuration', () => {
    const { state } = house();
    expect(listQueues(state).map((found) => found.name)).toEqual(['sales', 'help']);
    expect(listAgents(state).map((found) => found.id)).toEqual(['2', '1']);
  });

  it('list the calls of a queue: those who talk, then the line', () => {
    const { state } = house();
    const calls = listCalls(must(state.queues.get('sales'), 'queue sales'));
    expect(calls.map((call) => `${call.id} ${positionOf(state, call)}`)).toEqual([
      'a 0',
      'b 1',
      'c 2',
    ]);
  });
});
