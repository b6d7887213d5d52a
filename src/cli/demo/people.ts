/** Who plays in the demo: names and numbers, the two queues, who serves which. */
import type { Random } from '../../sim/random.ts';

export interface AgentRole {
  readonly id: string;
  readonly name: string;
  readonly queues: readonly string[];
  /** His phone can be watched (presence), as one behind a PBX; else the ACD trusts it. */
  readonly isWatched: boolean;
}

export interface CallerRole {
  readonly name: string;
  readonly number: string;
}

export interface QueueRole {
  readonly name: string;
  readonly wrapupSeconds: number;
}

export const QUEUES: readonly [QueueRole, QueueRole] = [
  { name: 'sales', wrapupSeconds: 0 },
  { name: 'support', wrapupSeconds: 2 },
];

const AGENT_NAMES = ['Anna', 'Ben', 'Carol', 'David', 'Emma', 'Felix', 'Grace', 'Henry'];
const CALLER_NAMES = [
  ...['Mia', 'Noah', 'Lena', 'Omar', 'Sofia', 'Jonas', 'Aisha', 'Paul', 'Chloe', 'Luca'],
  ...['Nina', 'Erik', 'Yara', 'Tom', 'Ines', 'Karl', 'Zoe', 'Ivan', 'Rosa', 'Hugo'],
];

/** `Anna`, and when names run out `Anna 2`. */
function nameOf(names: readonly string[], index: number): string {
  const round = Math.floor(index / names.length) + 1;
  const name = names[index % names.length] ?? '';
  return round === 1 ? name : `${name} ${round}`;
}

/** Every third serves both queues, the others one each; every second can be watched. */
export function castAgents(count: number): AgentRole[] {
  const [first, second] = QUEUES;
  const both = [first.name, second.name];
  const choices = [both, [first.name], [second.name]];
  return Array.from({ length: count }, (_, index) => ({
    id: String(2001 + index),
    name: nameOf(AGENT_NAMES, index),
    // A lone pair must still serve everyone.
    queues: count < 3 ? both : (choices[index % 3] ?? both),
    isWatched: index % 2 === 0,
  }));
}

export function castCallers(count: number, random: Random): CallerRole[] {
  return Array.from({ length: count }, (_, index) => ({
    name: nameOf(CALLER_NAMES, index),
    number: `+4930${String(Math.floor(random.between(100_000, 999_999)))}`,
  }));
}
