#!/usr/bin/env node
/** The entry: hands the arguments to the command line and ends with its status. */
import { runCli } from './cli/index.ts';

process.exitCode = await runCli(process.argv.slice(2));
// Timers of parts that were stopped in haste must not keep a finished process alive.
process.exit();
