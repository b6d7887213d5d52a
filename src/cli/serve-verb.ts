/**
 * The verb `serve` by itself. A killed server is started again while callers wait, so it loads
 * what it needs and none of the other verbs: that is a third of a second. As the supervisor writes
 * its arguments they are read without the library, too; whatever else is left to that. The verb
 * `spare` is the supervisor's alone: a `serve` that waits for the word `go` with its code loaded.
 */
import { parseArgs } from 'node:util';
import type { Command } from 'commander';
import { CONFIG_OPTION, parse } from './program.ts';
import type { ServeOptions } from './serve.ts';

/** The verb of a spare (supervisor/spare.ts): options of `serve`, as long in lists. */
const SPARE = 'spare';

export function addServe(program: Command, done: (status: number) => void): void {
  program
    .command('serve')
    .description('run the server alone, on a SIP server and mediad that run already')
    .option(...CONFIG_OPTION)
    .option('--stop-with-parent', 'end when standard input ends', false)
    .option('--lifeline <path>', 'socket on which another supervisor may take over', '')
    .option('--mark <text>', 'what to say there of version and configuration', '')
    .option('--linger-ms <number>', 'how long to go on without a supervisor', '0')
    .option('--kept <path>', 'copy of acd.yaml, used with --begun where the file cannot be', '')
    .option('--begun', 'refuse to begin a journal: there was one a moment ago', false)
    .option('--held', 'get ready, and begin at the word `go` on standard input', false)
    .action(async (options: Omit<ServeOptions, 'lingerMs'> & { lingerMs: string }) => {
      const { runServe } = await import('./serve.ts');
      done(await runServe({ ...options, lingerMs: Number(options.lingerMs) }));
    });
}

/** The options if they are as `addServe` has them; null: they are not, or help is asked for. */
function readPlain(args: readonly string[]): ServeOptions | null {
  const text = { type: 'string', default: '' } as const;
  const flag = { type: 'boolean', default: false } as const;
  try {
    const { values } = parseArgs({
      args: args.slice(1),
      options: {
        config: { type: 'string', short: 'c', default: CONFIG_OPTION[2] },
        'stop-with-parent': flag,
        lifeline: text,
        mark: text,
        'linger-ms': { type: 'string', default: '0' },
        kept: text,
        begun: flag,
        held: flag,
      },
    });
    const { config, lifeline, mark, kept, begun, held } = values;
    const lingerMs = Number(values['linger-ms']);
    const stopWithParent = values['stop-with-parent'];
    const isSpare = args[0] === SPARE;
    // Without a parent nobody would ever tell it to go.
    if (isSpare && !stopWithParent) return null;
    const spare = isSpare ? ({ isSpare } as const) : {};
    return { config, stopWithParent, lifeline, mark, lingerMs, kept, begun, held, ...spare };
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** As `runCli`, for this verb only. */
export async function runCli(args: readonly string[]): Promise<number> {
  const plain = readPlain(args);
  if (plain !== null) return (await import('./serve.ts')).runServe(plain);
  const library = await import('commander');
  return parse(args, (done) => {
    const program = new library.Command('acd').exitOverride();
    addServe(program, done);
    return program;
  });
}
