/** What the command line says, and the command that repeats a run. */
import { parseArgs } from 'node:util';

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  /** New calls a minute. */
  readonly calls: number;
  readonly agents: number;
  /** Seconds from one kill (or restart) to the next; 0: nothing is killed. */
  readonly killEvery: number;
  /** One object as last line. */
  readonly json: boolean;
}

export const USAGE =
  'usage: npm run soak -- [--minutes N] [--seed S] [--calls PER_MINUTE] [--agents N] ' +
  '[--kill-every SECONDS] [--json]';

/** Null: not to be understood. */
export function parseOptions(args: readonly string[]): SoakOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '30' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      calls: { type: 'string', default: '40' },
      agents: { type: 'string', default: '8' },
      'kill-every': { type: 'string', default: '30' },
      json: { type: 'boolean', default: false },
    },
  });
  const read: SoakOptions = {
    minutes: Number(values.minutes),
    seed: Number(values.seed),
    calls: Number(values.calls),
    agents: Number(values.agents),
    killEvery: Number(values['kill-every']),
    json: values.json,
  };
  const { minutes, seed, calls, agents, killEvery } = read;
  const isSound =
    minutes > 0 && calls > 0 && agents > 0 && killEvery >= 0 && Number.isInteger(seed);
  return isSound && Number.isInteger(agents) ? read : null;
}

export function writeCommand({ minutes, seed, calls, agents, killEvery }: SoakOptions): string {
  return (
    `npm run soak -- --minutes ${minutes} --seed ${seed} --calls ${calls} --agents ${agents} ` +
    `--kill-every ${killEvery}`
  );
}
