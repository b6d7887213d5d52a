/**
 * `acd demo`: see it work with no phone at all. Starts a whole ACD and a telephone network with
 * simulated callers and agents, on free loopback ports, with real SIP and real RTP; shows what
 * happens, and ends cleanly after its time or on Ctrl-C.
 */
import { Later } from '../shared/later.ts';
import { Random } from '../sim/random.ts';
import { Agent } from './demo/agent.ts';
import { Caller } from './demo/caller.ts';
import { Exchange } from './demo/exchange.ts';
import type { House } from './demo/house.ts';
import { openHouse } from './demo/house.ts';
import { castAgents, castCallers } from './demo/people.ts';
import { Play } from './demo/play.ts';
import { latencyInWords, Score } from './demo/score.ts';
import type { Mode } from './demo/screen.ts';
import { Screen } from './demo/screen.ts';
import { Watch } from './demo/watch.ts';
import { EXIT, fault, SAME_SIGNAL_MS } from './exit.ts';

export interface DemoOptions {
  /** How long callers call; starting and stopping come on top. */
  readonly seconds: number;
  /** Most callers at once. */
  readonly callers: number;
  readonly agents: number;
  /** Print one object at the end and nothing else. */
  readonly json: boolean;
  readonly seed: number;
}

/** The options as they are written on the command line. */
export interface WrittenDemo {
  readonly seconds: string;
  readonly callers: string;
  readonly agents: string;
  readonly json: boolean;
  readonly seed?: string;
}

export function readDemo({ seconds, callers, agents, json, seed }: WrittenDemo): DemoOptions {
  return {
    seconds: Number(seconds),
    callers: Number(callers),
    agents: Number(agents),
    json,
    seed: seed === undefined ? Date.now() % 1_000_000 : Number(seed),
  };
}

/** Bounds of the options, each from 1; the simulated phones share one thread. */
const DEMO_BOUNDS = { seconds: 86_400, callers: 200, agents: 100 };
/** People end their calls within this, then the house is closed over them. */
const GOODBYE_MS = 5_000;

/** What is wrong with the options, in words; null: nothing. */
export function faultOfDemo(options: DemoOptions): string | null {
  for (const [name, most] of Object.entries(DEMO_BOUNDS)) {
    const value = options[name as keyof typeof DEMO_BOUNDS];
    if (!Number.isInteger(value) || value < 1 || value > most)
      return `--${name} must be a whole number from 1 to ${most}`;
  }
  return Number.isInteger(options.seed) ? null : '--seed must be a whole number';
}

/** The first signal asks everyone to hang up, a later one kills. */
function untilInterrupted(kill: () => void): { asked: Promise<void>; forget: () => void } {
  let first: number | null = null;
  const asked = new Later<void>();
  const heard = () => {
    const now = performance.now();
    first ??= now;
    asked.settle();
    if (now - first <= SAME_SIGNAL_MS) return;
    kill();
    process.exit(EXIT.killed);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, heard);
  const forget = () => signals.forEach((signal) => process.off(signal, heard));
  return { asked: asked.promise, forget };
}

async function perform(
  house: House,
  screen: Screen,
  options: DemoOptions,
  asked: Promise<void>,
): Promise<Score> {
  const score = new Score();
  const random = new Random(options.seed);
  const endsAt = performance.now() + options.seconds * 1000;
  const secondsLeft = () => Math.max(0, Math.ceil((endsAt - performance.now()) / 1000));
  const watch = new Watch(house.http, (seen) => {
    screen.show(seen, score, secondsLeft());
    const now = performance.now();
    // A rest or a wrap-up has ended, we only see it: good enough to know that he is free.
    for (const { id, state } of seen.agents)
      if (state === 'idle' && !score.knowsFree(id)) score.agentFree(id, now, false);
  });
  const exchange = new Exchange(house);
  const say = (text: string) => screen.say(text);
  const play = new Play({ exchange, watch, score, audio: house.audio, say });
  const people = [
    ...castAgents(options.agents).map((role) => new Agent(play, role, random.fork())),
    ...castCallers(options.callers, random).map((role) => new Caller(play, role, random.fork())),
  ];
  await watch.start();
  const lives = people.map((person) => person.live());
  await play.pause(options.seconds * 1000, asked);
  play.close();
  const goodbye = new Promise((resolve) => setTimeout(resolve, GOODBYE_MS).unref());
  exchange.hangUpAll();
  await Promise.race([Promise.all(lives), goodbye]);
  watch.close();
  return score;
}

function summarise(score: Score): string {
  const { calls, connected, abandoned, failed } = score;
  const ends = `${connected} connected, ${abandoned} abandoned, ${failed} failed`;
  return `${calls} calls: ${ends}; ${latencyInWords(score.result())}\n`;
}

/** Gives the exit status: 0, also when it was interrupted; 1: it could not start. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const bad = faultOfDemo(options);
  if (bad !== null) return fault(bad);
  const mode: Mode = options.json ? 'json' : process.stdout.isTTY ? 'terminal' : 'lines';
  const screen = new Screen(process.stdout, mode);
  let house: House | null = null;
  const { asked, forget } = untilInterrupted(() => {
    screen.close();
    house?.kill();
  });
  screen.say('Starting an ACD, and a telephone network to call it from');
  const log = (level: string, text: string) => {
    if (level === 'warn' || level === 'error') screen.say(`[${level}] ${text}`);
  };
  const opened = await openHouse(castAgents(options.agents), log);
  if (!opened.ok) return fault(opened.faults.join('\n'));
  ({ house } = opened);
  screen.say(`The ACD takes calls at sip:${house.sip.host}:${house.sip.port}`);
  const score = await perform(house, screen, options, asked);
  screen.say('All phones have hung up; stopping');
  await house.close();
  screen.close();
  process.stdout.write(options.json ? `${JSON.stringify(score.result())}\n` : summarise(score));
  forget();
  return EXIT.ok;
}
