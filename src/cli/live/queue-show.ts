/**
 * `acd queue show`, laid out as Asterisk's users know it: a line of figures, the members with
 * their state, the callers with place and wait. Figures that are not at hand are left out.
 */
import type { AgentAnswer, QueueAnswer } from '../../http/schemas.ts';
import { plain } from '../plain.ts';

export interface Counters {
  readonly queue: string;
  readonly hold_seconds: number | null;
  readonly talk_seconds: number | null;
  readonly completed: number;
  readonly abandoned: number;
  readonly sl: number | null;
  readonly sl2: number | null;
}

const STATES: Readonly<Record<AgentAnswer['state'], string>> = {
  loggedout: 'Logged out',
  idle: 'Not in use',
  ringing: 'Ringing',
  busy: 'In use',
  wrapup: 'Wrap-up',
  paused: 'Paused',
  resting: 'Resting',
  unavailable: 'Unavailable',
};

function minutes(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function figures(counters: Counters | undefined, waiting: number): string {
  if (counters === undefined) return `W:${waiting}`;
  const { hold_seconds: hold, talk_seconds: talk, completed, abandoned, sl, sl2 } = counters;
  const percent = (name: string, value: number | null) =>
    value === null ? '' : `, ${name}:${value}%`;
  return (
    `${hold ?? 0}s holdtime, ${talk ?? 0}s talktime, W:${waiting}, C:${completed}, ` +
    `A:${abandoned}${percent('SL', sl)}${percent('SL2', sl2)}`
  );
}

function member(agent: AgentAnswer, queue: string): string {
  const name = agent.name === '' ? agent.id : `${agent.name} (${agent.id})`;
  const paused =
    agent.pause_reason === null ? '' : ` (paused: ${agent.pause_reason || 'no reason'})`;
  const device = agent.device === '' ? '' : ` ${agent.device}`;
  const state = agent.away_from.includes(queue) ? 'Logged out here' : STATES[agent.state];
  return plain(`      ${name}${device} (${state})${paused} idle ${agent.idletime}s`);
}

/** One queue. */
export function showQueue(
  queue: QueueAnswer,
  agents: readonly AgentAnswer[],
  counters: readonly Counters[],
): string {
  const own = counters.find((each) => each.queue === queue.name);
  const calls = `${queue.waiting} calls, ${queue.talking} talking`;
  const numbers = figures(own, queue.waiting);
  const head = `${queue.name} has ${calls}, strategy ${queue.strategy} (${numbers})`;
  const members = agents
    .filter(({ memberof }) => memberof.includes(queue.name))
    .map((agent) => member(agent, queue.name));
  const waiting = queue.calls
    .filter(({ state }) => state !== 'assigned')
    .map(({ position, from, waited_seconds: waited, id }) =>
      plain(`      ${position}. ${from} (wait: ${minutes(waited)}, call ${id})`),
    );
  return [
    head,
    ...(members.length > 0 ? ['   Members:', ...members] : ['   No members']),
    ...(waiting.length > 0 ? ['   Callers:', ...waiting] : ['   No callers']),
  ].join('\n');
}
