/**
 * `acd top`: the ACD on one screen, redrawn every second, until q or Ctrl-C. Where standard
 * output is no terminal, or with --once, one picture is printed and that is all.
 */
import type { AgentAnswer, QueueAnswer } from '../../http/schemas.ts';
import { EXIT, fault } from '../exit.ts';
import { ask, type Answer, type Written } from './client.ts';
import { placeOf, type Place } from './reach.ts';
import { frameOf, type Health, type Scene, type Screen } from './top-frame.ts';
import { verb, type Group } from './verb.ts';

interface WrittenTop extends Written {
  readonly interval: string;
  readonly once?: boolean;
}

/** Other screen, no cursor; and back. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const HOME = '\u001b[H';
/** Before its text: a cursor behind a full line would erase the last character of it. */
const CLEAR_LINE = '\u001b[K';
const END_OF_SCREEN = '\u001b[J';

async function look(place: Place): Promise<Answer<Scene>> {
  const [health, queues, agents] = await Promise.all([
    ask<Health>(place, '/health'),
    ask<{ queues: QueueAnswer[] }>(place, '/queues'),
    ask<{ agents: AgentAnswer[] }>(place, '/agents'),
  ]);
  if (!health.ok) return health;
  if (!queues.ok) return queues;
  if (!agents.ok) return agents;
  const time = new Date().toTimeString().slice(0, 8);
  const body = { health: health.body, ...queues.body, ...agents.body, time };
  return { ok: true, body };
}

/** A terminal that does not know its size says 0. */
function screenOf(isTerminal: boolean): Screen {
  if (!isTerminal) return { columns: 200, rows: 10_000, isColoured: false };
  const { columns, rows } = process.stdout;
  const isColoured = process.env['NO_COLOR'] === undefined;
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24, isColoured };
}

function paint(lines: readonly string[], rows: number): void {
  const text = lines.map((line) => `${CLEAR_LINE}${line}`).join('\r\n');
  // What stood below: behind a full last line nothing may be erased, as above.
  const below = lines.length < rows ? `\r\n${END_OF_SCREEN}` : '';
  process.stdout.write(`${HOME}${text}${below}`);
}

/** Settles when a key or a signal ends it; calls `soon` when the screen has another size. */
function untilKey(soon: () => void): { readonly ended: Promise<void>; readonly stop: () => void } {
  const { stdin, stdout } = process;
  let heard: (key: Buffer) => void = () => undefined;
  // Ended from outside it leaves the terminal as it was, too.
  let told: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    told = resolve;
    heard = (key) => {
      // q, Ctrl-C (which is a key in raw mode), Ctrl-D.
      if (['q', 'Q', '\u0003', '\u0004'].includes(key.toString('latin1'))) resolve();
    };
  });
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', heard);
  stdout.on('resize', soon);
  for (const signal of SIGNALS) process.on(signal, told);
  return {
    ended,
    stop: () => {
      stdin.off('data', heard);
      stdout.off('resize', soon);
      for (const signal of SIGNALS) process.off(signal, told);
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
    },
  };
}

/** Draws until a key ends it. An ACD that is away meanwhile is told, and looked for again. */
async function live(place: Place, intervalMs: number): Promise<void> {
  let wake: () => void = () => undefined;
  let isOver = false;
  const keys = untilKey(() => wake());
  void keys.ended.then(() => {
    isOver = true;
    wake();
  });
  process.stdout.write(ENTER);
  try {
    while (!isOver) {
      const seen = await look(place);
      const screen = screenOf(true);
      if (!isOver) paint(seen.ok ? frameOf(seen.body, screen) : [seen.text], screen.rows);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, intervalMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (isOver) wake();
      });
    }
  } finally {
    process.stdout.write(LEAVE);
    keys.stop();
  }
}

async function run(written: WrittenTop): Promise<number> {
  const seconds = Number(written.interval);
  if (!(seconds >= 0.2 && seconds <= 3600)) {
    return fault(`--interval ${written.interval}: give seconds, 0.2 to 3600`);
  }
  const place = placeOf(written);
  if (place === null) return EXIT.wrong;
  const first = await look(place);
  if (!first.ok) return fault(first.text, first.status);
  const isTerminal = process.stdout.isTTY && written.once !== true && !written.json;
  if (isTerminal) await live(place, seconds * 1000);
  else if (written.json) process.stdout.write(`${JSON.stringify(first.body, null, 2)}\n`);
  else process.stdout.write(`${frameOf(first.body, screenOf(false)).join('\n')}\n`);
  return EXIT.ok;
}

export function addTop(group: Group): void {
  verb(group, 'top', 'the whole ACD on one screen, redrawn every second; q ends it')
    .option('--interval <seconds>', 'how often it is redrawn', '1')
    .option('--once', 'print one picture, and end')
    .action(async (written: WrittenTop) => group.done(await run(written)));
}
