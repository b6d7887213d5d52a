/** Goal: what overlaps in an agent's time counts once, in all and for one queue. */
import { expect, it } from 'vitest';
import { sumAgent, type AgentSpan } from '../../../src/reports/agent-time.ts';

const span = (what: AgentSpan['what'], queue: string, from: number, to: number): AgentSpan => {
  return { what, queue, detail: '', from: from * 1000, to: to * 1000 };
};
const SPANS = [
  span('session', '', 0, 200),
  span('talk', 'a', 0, 60),
  span('wrapup', 'a', 60, 120),
  span('outbound', '', 70, 110),
];

it.each([
  [undefined, 20, 60, 40],
  ['a', 20, 40, 0],
  ['b', 0, 0, 0],
])('a call of his own in the wrap-up is no wrap-up (queue %s)', (queue, wrapup, busy, own) => {
  const figures = sumAgent(SPANS, { from: 0, to: 200_000 }, queue);
  const { occupancy, wrapup_seconds: shown, outbound_seconds: outbound } = figures;
  expect([shown, occupancy, outbound]).toEqual([wrapup, busy, own]);
});
