/**
 * `acd queue show`, laid out as Asterisk's users know it: a line of figures, the members with
 * their state, the callers with place and wait. Figures that are not at hand are left out.
 */
import type { AgentAnswer, QueueAnswer, QueueDetail } from '../../http/schemas.ts';
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

type Standing = QueueDetail['members'][number];

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

/** As Asterisk has it: `with penalty 3`, `has taken 2 calls (last was 16 secs ago)`. */
function taken(standing: Standing | undefined): { penalty: string; calls: string } {
  if (standing === undefined) return { penalty: '', calls: '' };
  const { penalty, calls, last_call_seconds: last } = standing;
  const count = calls === 0 ? 'no calls yet' : `${calls} ${calls === 1 ? 'call' : 'calls'}`;
  const since = last === null || calls === 0 ? '' : ` (last was ${last} secs ago)`;
  return {
    penalty: penalty === 0 ? '' : ` with penalty ${penalty}`,
    calls: `, has taken ${count}${since}`,
  };
}

function member(agent: AgentAnswer, queue: string, standing: Standing | undefined): string {
  const name = agent.name === '' ? agent.id : `${agent.name} (${agent.id})`;
  const reason = standing === undefined ? agent.pause_reason : standing.pause_reason;
  const paused = reason === null ? '' : ` (paused: ${reason || 'no reason'})`;
  const { penalty, calls } = taken(standing);
  const device = agent.device === '' ? '' : ` ${agent.device}`;
  const state = agent.away_from.includes(queue) ? 'Logged out here' : STATES[agent.state];
  return plain(
    `      ${name}${device} (${state})${penalty}${paused} idle ${agent.idletime}s${calls}`,
  );
}

/** One queue. */
export function showQueue(
  queue: QueueAnswer & Partial<QueueDetail>,
  agents: readonly AgentAnswer[],
  counters: readonly Counters[],
): string {
  const own = counters.find((each) => each.queue === queue.name);
  const calls = `${queue.waiting} calls, ${queue.talking} talking`;
  const numbers = figures(own, queue.waiting);
  const head = `${queue.name} has ${calls}, strategy ${queue.strategy} (${numbers})`;
  const members = agents
    .filter(({ memberof }) => memberof.includes(queue.name))
    .map((agent) => {
      const standing = queue.members?.find((one) => one.agent === agent.id);
      return member(agent, queue.name, standing);
    });
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
