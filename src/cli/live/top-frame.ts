/**
 * What `acd top` shows, as lines for a screen of some size: how the ACD is, its queues, its
 * agents, who waits longest. Pure, so that it is tested without a terminal.
 */
import type { AgentAnswer, CallAnswer, HealthAnswer, QueueAnswer } from '../../http/schemas.ts';
import { cutTo, padTo } from '../columns.ts';
import { plain } from '../plain.ts';
import { queuesOf } from './verb.ts';

/** A server of another version may not know of all parts. */
export type Health = Omit<HealthAnswer, 'reports' | 'configuration' | 'load' | 'drain'> &
  Partial<HealthAnswer>;

export interface Scene {
  readonly health: Health;
  readonly queues: readonly QueueAnswer[];
  readonly agents: readonly AgentAnswer[];
  /** Now, as the head says it. */
  readonly time: string;
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly isColoured: boolean;
}

type Tone = 'plain' | 'head' | 'good' | 'busy' | 'bad';

interface Line {
  readonly text: string;
  readonly tone: Tone;
}

const CODES: Readonly<Record<Tone, string>> = {
  plain: '',
  head: '\u001b[7m',
  good: '\u001b[32m',
  busy: '\u001b[33m',
  bad: '\u001b[31m',
};
const RESET = '\u001b[0m';

const TONES: Readonly<Partial<Record<AgentAnswer['state'], Tone>>> = {
  idle: 'good',
  busy: 'busy',
  ringing: 'busy',
  unavailable: 'bad',
  resting: 'bad',
};

function lasted(seconds: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, rest] = [Math.floor(seconds / 3600), seconds % 3600];
  const minutes = Math.floor(rest / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest % 60)}` : `${minutes}:${two(rest % 60)}`;
}

/** Cells of fixed widths; a negative one is set to the right. The last takes what is left. */
function cells(widths: readonly number[], values: readonly (string | number)[]): string {
  return values
    .map((value, index) => {
      const width = widths[index] ?? 0;
      const text = plain(String(value));
      if (width === 0) return text;
      return padTo(cutTo(text, Math.abs(width)), width);
    })
    .join(' ')
    .trimEnd();
}

function headOf({ health, time }: Scene): Line[] {
  const { status, version, uptime_seconds: up, load, registrars, drain, bugs } = health;
  const { sip, media, journal, reports, configuration } = health;
  const parts = [sip, media, journal, reports, configuration];
  const names = ['sip', 'media', 'journal', 'reports', 'config'];
  const down = names.filter((_, index) => parts[index]?.up === false);
  const away = registrars.filter(({ state }) => state !== 'registered').map(({ name }) => name);
  const troubles = [
    ...(down.length > 0 ? [`DOWN: ${down.join(', ')}`] : []),
    ...(away.length > 0 ? [`not registered: ${away.join(', ')}`] : []),
    ...(load?.overload ? [`overloaded: ${load.overload}`] : []),
    ...(drain ? [`draining: ${drain.calls_left} calls left`] : []),
    ...(bugs > 0 ? [`broken invariants: ${bugs}`] : []),
  ];
  const calls = load === undefined ? '' : `  calls ${load.calls}/${load.max_calls}`;
  return [
    { text: `acd ${version}  ${status}  up ${lasted(up)}${calls}  ${time}`, tone: 'plain' },
    ...troubles.map((text): Line => ({ text, tone: 'bad' })),
  ];
}

const QUEUE_WIDTHS = [20, -5, -5, -8, -6, -7, 0];

function queueLines(queues: readonly QueueAnswer[]): Line[] {
  const titles = ['QUEUE', 'WAIT', 'TALK', 'LONGEST', 'READY', 'LOGGED', ' STRATEGY'];
  const lines = queues.map((queue): Line => {
    const { name, waiting, talking, agents_ready: ready, agents_logged_in: logged } = queue;
    const isLost = waiting > 0 && logged === 0;
    const longest = lasted(queue.longest_wait_seconds);
    return {
      text: cells(QUEUE_WIDTHS, [
        ...[name, waiting, talking, longest, ready, logged],
        ` ${queue.strategy}`,
      ]),
      tone: isLost ? 'bad' : waiting > 0 ? 'busy' : 'plain',
    };
  });
  return [{ text: cells(QUEUE_WIDTHS, titles), tone: 'head' }, ...lines];
}

const AGENT_WIDTHS = [10, 18, 11, -8, 24, 0];
/** On 80 columns his queues would have four. */
const NARROW = 100;
const NARROW_WIDTHS = [8, 14, 11, -7, 16, 0];

/** Those at work first, then the others; each as the configuration has them. */
function agentLines({ agents, queues }: Scene, columns: number): Line[] {
  const widths = columns < NARROW ? NARROW_WIDTHS : AGENT_WIDTHS;
  const calls = new Map(queues.flatMap((queue) => queue.calls.map((call) => [call.id, call])));
  const titles = ['AGENT', 'NAME', 'STATE', 'FOR', 'WITH', 'QUEUES'];
  const sorted = [...agents].sort((a, b) => Number(isOut(a)) - Number(isOut(b)));
  const lines = sorted.map((agent): Line => {
    const call = calls.get(agent.call);
    const seconds = call?.state === 'assigned' ? call.talked_seconds : Number(agent.idletime);
    const isTimed = agent.state === 'idle' || agent.state === 'busy';
    const withWhom = agent.pause_reason ?? call?.from ?? '';
    return {
      text: cells(widths, [
        ...[agent.id, agent.name, agent.state, isTimed ? lasted(seconds) : '', withWhom],
        queuesOf(agent),
      ]),
      tone: TONES[agent.state] ?? 'plain',
    };
  });
  return [{ text: cells(widths, titles), tone: 'head' }, ...lines];
}

const isOut = ({ state }: AgentAnswer): boolean => state === 'loggedout';

const CALL_WIDTHS = [-8, -6, 20, 0];

function callLines(queues: readonly QueueAnswer[]): Line[] {
  const waiting = queues.flatMap(({ calls }) => calls.filter(({ state }) => state !== 'assigned'));
  const titles = ['WAITED', 'PLACE', 'QUEUE', 'CALLER'];
  const lines = waiting
    .sort((a: CallAnswer, b: CallAnswer) => b.waited_seconds - a.waited_seconds)
    .map((call): Line => {
      const { waited_seconds: waited, position, queue, from, agent } = call;
      const rings = agent === '' ? '' : ` (rings ${agent})`;
      const values = [lasted(waited), position, queue, `${from}${rings}`];
      return { text: cells(CALL_WIDTHS, values), tone: 'plain' };
    });
  return [{ text: cells(CALL_WIDTHS, titles), tone: 'head' }, ...lines];
}

/** As many lines as there is room for; who is left out is counted. */
function fitted(lines: readonly Line[], room: number): Line[] {
  if (lines.length <= room) return [...lines];
  const kept = lines.slice(0, Math.max(1, room - 1));
  return [...kept, { text: `  … and ${lines.length - kept.length} more`, tone: 'plain' }];
}

/** Each block gets a share of the screen; what one does not need the next may have. */
export function frameOf(scene: Scene, { columns, rows, isColoured }: Screen): string[] {
  const blocks = [queueLines(scene.queues), agentLines(scene, columns), callLines(scene.queues)];
  const lines: Line[] = headOf(scene);
  blocks.forEach((block, index) => {
    const left = rows - lines.length - (blocks.length - index);
    const share = Math.max(2, Math.floor(left / (blocks.length - index)));
    lines.push({ text: '', tone: 'plain' }, ...fitted(block, share));
  });
  return lines.slice(0, rows).map(({ text, tone }) => {
    const cut = cutTo(text, columns);
    const code = CODES[tone];
    if (!isColoured || code === '') return cut;
    return `${code}${tone === 'head' ? padTo(cut, columns) : cut}${RESET}`;
  });
}
