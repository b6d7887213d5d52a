/**
 * `acd queue show`, laid out as Asterisk's `queue show`, because people and programs read that: a
 * line of figures (W is the weight, C the completed, A the abandoned), the members with their
 * state, the callers with place and wait. What there is not here is left out, and what is not at
 * hand; our own words stand where nobody looks for others.
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
  readonly threshold_seconds?: number;
}

type Standing = QueueDetail['members'][number];

/** As Asterisk calls the states of a phone. */
const DEVICES: Readonly<Record<string, string>> = {
  idle: 'Not in use',
  inuse: 'In use',
  ringing: 'Ringing',
  unavailable: 'Unavailable',
  unknown: 'Unknown',
};

/** In one word; a pause has words of its own. */
function stateOf({ state, device_state: device }: AgentAnswer): string {
  const phone = DEVICES[device] ?? 'Unknown';
  switch (state) {
    case 'loggedout':
      return 'Logged out';
    case 'ringing':
      return 'Ringing';
    case 'busy':
      return 'In use';
    case 'wrapup':
      return 'Wrap-up';
    case 'resting':
      return 'Resting';
    default:
      return phone;
  }
}

function minutes(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function figures(counters: Counters | undefined, weight: number | undefined): string {
  const heavy = weight === undefined ? '' : `, W:${weight}`;
  if (counters === undefined) return heavy;
  const { hold_seconds: hold, talk_seconds: talk, completed, abandoned, sl, sl2 } = counters;
  const { threshold_seconds: within } = counters;
  const percent = (name: string, value: number | null) =>
    value === null ? '' : `, ${name}:${value.toFixed(1)}%`;
  const levels = `${percent('SL', sl)}${percent('SL2', sl2)}`;
  return (
    ` (${hold ?? 0}s holdtime, ${talk ?? 0}s talktime)${heavy}, C:${completed}, A:${abandoned}` +
    (levels === '' || within === undefined ? levels : `${levels} within ${within}s`)
  );
}

/** As Asterisk has it: `with penalty 3`, `has taken 2 calls (last was 16 secs ago)`. */
function taken(standing: Standing | undefined): { penalty: string; calls: string } {
  if (standing === undefined) return { penalty: '', calls: '' };
  const { penalty, calls, last_call_seconds: last } = standing;
  const count = calls === 0 ? 'no calls yet' : `${calls} calls`;
  const since = last === null || calls === 0 ? '' : ` (last was ${last} secs ago)`;
  return {
    penalty: penalty === 0 ? '' : ` with penalty ${penalty}`,
    calls: ` has taken ${count}${since}`,
  };
}

function member(agent: AgentAnswer, queue: string, standing: Standing | undefined): string {
  const { id, name, device, state } = agent;
  const phone = device === '' ? '' : ` from ${device}`;
  const who =
    name === '' ? `${id}${phone === '' ? '' : ` (${device})`}` : `${name} (${id}${phone})`;
  const reason = standing === undefined ? agent.pause_reason : standing.pause_reason;
  const paused = reason === null ? '' : ` (paused${reason === '' ? '' : `:${reason}`})`;
  const talks = state === 'busy' ? ' (in call)' : '';
  const { penalty, calls } = taken(standing);
  const isHere = !agent.away_from.includes(queue);
  const shown = isHere ? stateOf(agent) : 'Logged out here';
  const login = state === 'loggedout' ? '' : ` (login was ${agent.logged_in_seconds} secs ago)`;
  return plain(`      ${who}${penalty}${talks}${paused} (${shown})${calls}${login}`);
}

/** One queue. */
export function showQueue(
  queue: QueueAnswer & Partial<QueueDetail>,
  agents: readonly AgentAnswer[],
  counters: readonly Counters[],
): string {
  const own = counters.find((each) => each.queue === queue.name);
  const { name, waiting: count, talking, strategy, weight, maxlen } = queue;
  const most = maxlen === undefined ? '' : ` (max ${maxlen === 0 ? 'unlimited' : maxlen})`;
  const numbers = `${figures(own, weight)}, ${talking} talking`;
  const head = `${name} has ${count} calls${most} in '${strategy}' strategy${numbers}`;
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
    ...(members.length > 0 ? ['   Members:', ...members] : ['   No Members']),
    ...(waiting.length > 0 ? ['   Callers:', ...waiting] : ['   No Callers']),
  ].join('\n');
}
