/** Goal: what the edges read. Method: a small house, looked at. */
import { describe, expect, it } from 'vitest';
import {
  findAgentByDevice,
  getAgent,
  getCall,
  getOffer,
  getQueue,
  listAgents,
  listCalls,
  listQueues,
  positionOf,
  totals,
} from '../../../src/core/views.ts';
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
    const calls = listCalls(getQueue(state, 'sales')!);
    expect(calls.map((call) => `${call.id} ${positionOf(state, call)}`)).toEqual([
      'a 0',
      'b 1',
      'c 2',
    ]);
  });

  it('find things by their ids, or not', () => {
    const { state } = house();
    const call = getCall(state, 'a');
    expect(getOffer(state, call?.offerId ?? '')?.agentId).toBe('1');
    expect(getAgent(state, '1')?.callId).toBe('a');
    expect(findAgentByDevice(state, 'sip:1@pbx')?.id).toBe('1');
    const nothing = [getCall(state, 'z'), getOffer(state, 'z'), getAgent(state, 'z')];
    expect([...nothing, getQueue(state, 'z'), findAgentByDevice(state, 'z')]).toEqual(
      Array(5).fill(undefined),
    );
  });

  it('count the house', () => {
    expect(totals(house().state)).toEqual({
      calls: 4,
      waiting: 3,
      talking: 1,
      agents: 2,
      loggedIn: 1,
    });
  });
});
