/**
 * The verb `serve` by itself. A killed server is started again while callers wait, so it loads
 * what it needs and none of the other verbs: that is a third of a second.
 */
import { Command } from 'commander';
import { CONFIG_OPTION, parse } from './program.ts';
import type { ServeOptions } from './serve.ts';

export function addServe(program: Command, done: (status: number) => void): void {
  program
    .command('serve')
    .description('run the server alone, on a SIP server and mediad that run already')
    .option(...CONFIG_OPTION)
    .option('--stop-with-parent', 'end when standard input ends', false)
    .option('--lifeline <path>', 'socket on which another supervisor may take over', '')
    .option('--mark <text>', 'what to say there of version and configuration', '')
    .option('--linger-ms <number>', 'how long to go on without a supervisor', '0')
    .option('--held', 'get ready, and begin at the word `go` on standard input', false)
    .action(async (options: Omit<ServeOptions, 'lingerMs'> & { lingerMs: string }) => {
      const { runServe } = await import('./serve.ts');
      done(await runServe({ ...options, lingerMs: Number(options.lingerMs) }));
    });
}

/** As `runCli`, for this verb only. */
export function runCli(args: readonly string[]): Promise<number> {
  return parse(args, (done) => {
    const program = new Command('acd').exitOverride();
    addServe(program, done);
    return program;
  });
}
