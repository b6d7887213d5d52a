#!/usr/bin/env node
/** The entry: hands the arguments to the command line and ends with its status. */
const args = process.argv.slice(2);
// Started again in a hurry when it was killed: it loads no other verb.
const isServer = args[0] === 'serve' || args[0] === 'spare';
// What goes on without a reader sees to that itself (cli/start.ts, observe/log.ts).
if (!isServer && args[0] !== 'start') {
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // Whoever read has read enough: `acd report | head`.
    if (code === 'EPIPE') process.exit(0);
    process.stderr.write(`standard output cannot be written: ${message}\n`);
    process.exit(1);
  });
}

async function run(): Promise<number> {
  try {
    const cli = isServer ? import('./cli/serve-verb.ts') : import('./cli/index.ts');
    return await (await cli).runCli(args);
  } catch (error) {
    // Modules are read many at a time: with too few files that fails before anything can look.
    if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error;
    process.stderr.write(
      'so few files may be open in a process (ulimit -n) that the program itself cannot be read; ' +
        'allow 1024 at least: ulimit -n 1024 in the shell, LimitNOFILE in systemd\n',
    );
    return 1;
  }
}

process.exitCode = await run();
// Timers of parts that were stopped in haste must not keep a finished process alive.
process.exit();
