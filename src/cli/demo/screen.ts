/**
 * What the demo shows. On a terminal: queues, callers, agents and counters, drawn anew a few times
 * a second, with the commentary beneath; elsewhere: the commentary alone, a line per happening;
 * with --json nothing but the result.
 */
import type { Score } from './score.ts';
import { latencyInWords } from './score.ts';
import type { Seen, SeenAgent, SeenCall, SeenQueue } from './watch.ts';

export type Mode = 'terminal' | 'lines' | 'json';

export interface Output {
  write(text: string): void;
  readonly columns?: number;
  readonly rows?: number;
}

const REMEMBERED = 200;
const ESC = '\u001b[';
const OPEN = `${ESC}?1049h${ESC}?25l`;
const CLOSE = `${ESC}?25h${ESC}?1049l`;
/** Home, and after the last line everything below is cleared. */
const HOME = `${ESC}H`;
const CLEAR_LINE = `${ESC}K`;
const CLEAR_BELOW = `${ESC}J`;

const COLOURS = { plain: 0, bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
type Colour = keyof typeof COLOURS;

interface Row {
  readonly text: string;
  readonly colour: Colour;
}

const row = (text: string, colour: Colour = 'plain'): Row => ({ text, colour });

function clock(at: Date): string {
  return at.toTimeString().slice(0, 8);
}

function minutes(seconds: number): string {
  const rest = String(Math.floor(seconds % 60)).padStart(2, '0');
  return `${Math.floor(seconds / 60)}:${rest}`;
}

function callRow(call: SeenCall, nameOf: (agentId: string) => string): Row {
  const name = call.name.padEnd(12);
  const waited = minutes(call.waited_seconds);
  if (call.state === 'assigned') {
    const talked = minutes(call.talked_seconds);
    return row(`      ${name} talks to ${nameOf(call.agent)} ${talked}`, 'green');
  }
  const place = `${call.position}.`.padStart(5);
  const isRinging = call.state === 'offered';
  const what = isRinging ? `${nameOf(call.agent)}’s phone rings` : 'hears music';
  return row(`${place} ${name} waits ${waited}  ${what}`, isRinging ? 'yellow' : 'plain');
}

function queueRows(queue: SeenQueue, nameOf: (agentId: string) => string): Row[] {
  const waiting = queue.calls.filter(({ state }) => state !== 'assigned');
  const talking = queue.calls.length - waiting.length;
  const title = ` ${queue.name.padEnd(10)} ${waiting.length} in line, ${talking} talking`;
  const calls = [...queue.calls].sort((a, b) => a.position - b.position);
  return [row(title, 'bold'), ...calls.map((call) => callRow(call, nameOf)), row('')];
}

const AGENT_COLOURS: Readonly<Record<string, Colour>> = {
  idle: 'cyan',
  ringing: 'yellow',
  busy: 'green',
  loggedout: 'dim',
};

function agentRow(agent: SeenAgent, callers: ReadonlyMap<string, string>): Row {
  const withWhom = callers.get(agent.call) ?? '';
  const detail = agent.state === 'idle' ? `idle for ${agent.idletime} s` : withWhom;
  const name = (agent.name || agent.id).padEnd(12);
  const state = agent.state.padEnd(12);
  const text = ` ${name} ${state} ${detail.padEnd(18)} ${agent.memberof.join(', ')}`;
  return row(text, AGENT_COLOURS[agent.state] ?? 'plain');
}

/** The picture, without the commentary. */
export function draw(seen: Seen, score: Score, secondsLeft: number): Row[] {
  const names = new Map(seen.agents.map(({ id, name }) => [id, name || id]));
  const nameOf = (id: string) => names.get(id) ?? id;
  const callers = new Map<string, string>();
  for (const { calls } of seen.queues) for (const call of calls) callers.set(call.id, call.name);
  const { calls, connected, abandoned, failed } = score;
  return [
    row(` ACD demo: real SIP and RTP on loopback; ${secondsLeft} s left, Ctrl-C ends it`, 'dim'),
    row(''),
    ...seen.queues.flatMap((queue) => queueRows(queue, nameOf)),
    row(' agents', 'bold'),
    ...seen.agents.map((agent) => agentRow(agent, callers)),
    row(''),
    row(` calls ${calls}   connected ${connected}   abandoned ${abandoned}   failed ${failed}`),
    row(` ${latencyInWords(score.result())}`, 'dim'),
    row(''),
  ];
}

export class Screen {
  private readonly out: Output;
  private readonly mode: Mode;
  private readonly said: string[] = [];
  private isOpen = false;

  constructor(out: Output, mode: Mode) {
    this.out = out;
    this.mode = mode;
  }

  say(text: string): void {
    const line = `${clock(new Date())} ${text}`;
    if (this.mode === 'lines') this.out.write(`${line}\n`);
    this.said.push(line);
    if (this.said.length > REMEMBERED) this.said.shift();
  }

  show(seen: Seen, score: Score, secondsLeft: number): void {
    if (this.mode !== 'terminal') return;
    if (!this.isOpen) this.out.write(OPEN);
    this.isOpen = true;
    // A terminal that was not told its size (`script`, a serial line) says 0.
    const width = this.out.columns || 80;
    const height = this.out.rows || 24;
    const picture = draw(seen, score, secondsLeft).slice(0, height - 1);
    const room = height - picture.length - 1;
    const rows = [...picture, ...(room > 0 ? this.said.slice(-room) : []).map((text) => row(text))];
    const lines = rows.map(
      ({ text, colour }) =>
        `${ESC}${COLOURS[colour]}m${text.slice(0, width - 1)}${ESC}0m${CLEAR_LINE}\n`,
    );
    this.out.write(`${HOME}${lines.join('')}${CLEAR_BELOW}`);
  }

  /** Gives the terminal back as it was. Harmless when repeated. */
  close(): void {
    if (this.isOpen) this.out.write(CLOSE);
    this.isOpen = false;
  }
}
