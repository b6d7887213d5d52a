/**
 * The configuration of a simulated house. It is written as an acd.yaml and read like one, so that
 * every option the simulator does not name has the default that a user gets.
 */
import { parseConfig } from '../config/load.ts';
import type { CoreConfig } from '../core/types.ts';
import { SIM_DEFAULTS, type SimOptions } from './options.ts';

export type HouseConfig =
  | { readonly ok: true; readonly config: CoreConfig }
  | { readonly ok: false; readonly fault: string };

const FIRST_AGENT = 100_000;

export function queueName(index: number): string {
  return `queue${index + 1}`;
}

export function agentId(index: number): string {
  return `${FIRST_AGENT + index}`;
}

/** Neighbours share no queue more than they must: the n-th agent begins with the n-th queue. */
function queuesOf(index: number, { queues, memberships }: SimOptions): string[] {
  const step = Math.max(1, Math.floor(queues / memberships));
  return Array.from({ length: memberships }, (_, n) => queueName((index + n * step) % queues));
}

/** One agent for each set of queues; the others are like one of them. */
function write(options: SimOptions): string {
  const { queues, strategy, wrapup, veto } = options;
  const crm = '{ name: crm, url: http://sim/, secret: not asked over HTTP, silence: refuse }';
  const lines = [...(veto > 0 ? [`vetoes: [${crm}]`] : []), 'queues:'];
  for (let n = 0; n < queues; n += 1) {
    lines.push(`  - name: ${queueName(n)}`, `    strategy: ${strategy}`);
    lines.push(`    wrapuptime: ${wrapup}`);
    if (veto > 0) lines.push('    veto: crm');
  }
  lines.push('agents:');
  for (let n = 0; n < Math.min(queues, options.agents); n += 1) {
    lines.push(`  - id: "${agentId(n)}"`, `    queues: [${queuesOf(n, options).join(', ')}]`);
  }
  return lines.join('\n');
}

/**
 * Every strategy a queue can have, as the configuration itself names them where it is given none
 * of them: a new one is simulated and measured as soon as it is there.
 */
export function strategies(): string[] {
  const house = houseConfig({ ...SIM_DEFAULTS, strategy: 'none-of-them' });
  const named = house.ok ? undefined : /not one of: ([^;]+);/.exec(house.fault)?.[1];
  if (named === undefined) throw new Error('the configuration names no strategies');
  return named.split(', ');
}

export function houseConfig(options: SimOptions): HouseConfig {
  const parsed = parseConfig(write(options), { env: {}, folder: '/', sounds: null });
  if (!parsed.ok) {
    const [fault] = parsed.faults;
    return { ok: false, fault: `${fault?.path}: ${fault?.message}` };
  }
  const { core } = parsed.config;
  const agents = Array.from({ length: options.agents }, (_, n) => {
    const like = core.agents[n % core.agents.length];
    if (like === undefined) throw new Error('a house without agents');
    return { ...like, id: agentId(n) };
  });
  // Nobody may be refused for the size of the house: that is not what is looked at here.
  return { ok: true, config: { ...core, agents, maxCalls: 10_000_000 } };
}
