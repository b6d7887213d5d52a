/** What the verbs on a running ACD share: their options, how they answer, how lists are shown. */
import type { Command } from 'commander';
import type { AgentAnswer } from '../../http/schemas.ts';
import { writeTable, type Column } from '../table.ts';
import { ask, tell, type Written } from './client.ts';
import { TOKEN_OPTION } from './reach.ts';

/** Hears the exit status of the verb that ran. */
export type Done = (status: number) => void;

/** Where a group of verbs hangs, and what each of them gets. */
export interface Group {
  readonly parent: Command;
  /** Option, text and standard value that name the configuration. */
  readonly flags: readonly string[];
  readonly done: Done;
}

/** A verb with the options that all of them have. */
export function verb({ parent, flags }: Group, name: string, text: string): Command {
  const [config = '', about = '', standard = ''] = flags;
  return parent
    .command(name)
    .description(text)
    .option(config, about, standard)
    .option('--url <url>', 'where its REST is; default ACD_URL, or as the configuration says')
    .option(...TOKEN_OPTION)
    .option('--json', 'print what REST answers, and nothing else', false);
}

/** A name as a part of a path. */
export const at = (id: string): string => encodeURIComponent(id);

/** Everything that is known of one thing, a line each. */
export function details(body: object): string {
  return writeTable(
    Object.entries(body).map(([key, value]) => ({ key, value: value as unknown })),
    [
      ['key', 'what'],
      ['value', 'value'],
    ],
  );
}

const AGENT_COLUMNS: readonly Column[] = [
  ['id', 'agent'],
  ['name', 'name'],
  ['state', 'state'],
  ['idletime', 'idle s'],
  ['device', 'device'],
  ['pause_reason', 'paused for'],
  ['queues', 'queues'],
];

/** His queues; those to which he is logged out in brackets. */
export function queuesOf({ memberof, away_from: away }: AgentAnswer): string {
  return memberof.map((queue) => (away.includes(queue) ? `(${queue})` : queue)).join(',');
}

export function agentTable(agents: readonly AgentAnswer[]): string {
  return writeTable(
    agents.map((agent) => ({ ...agent, queues: queuesOf(agent) })),
    AGENT_COLUMNS,
  );
}

/** A command that answers nothing but that it is done. */
export async function order(
  written: Written,
  path: string,
  body?: unknown,
  method: 'POST' | 'DELETE' = 'POST',
): Promise<number> {
  return tell(
    written,
    (place) => ask<unknown>(place, path, method, body),
    () => 'done',
  );
}

/** Of a number that was typed; null: it is none. */
export function wholeOf(text: string): number | null {
  return /^-?\d{1,9}$/.test(text) ? Number(text) : null;
}
