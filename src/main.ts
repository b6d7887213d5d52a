#!/usr/bin/env node
/** The entry: hands the arguments to the command line and ends with its status. */
const args = process.argv.slice(2);
// Started again in a hurry when it was killed: it loads no other verb.
const isServer = args[0] === 'serve' || args[0] === 'spare';
const cli = isServer ? import('./cli/serve-verb.ts') : import('./cli/index.ts');

process.exitCode = await (await cli).runCli(args);
// Timers of parts that were stopped in haste must not keep a finished process alive.
process.exit();
