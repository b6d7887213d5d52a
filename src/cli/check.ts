/**
 * `acd check [FILE]`: is the configuration right? Status 0 and OK, or 1 and every mistake. A prompt
 * whose file is not there is one here; a start goes on without it, as callers wait.
 */
import { existsSync } from 'node:fs';
import { readConfiguration } from './configuration.ts';
import { EXIT } from './exit.ts';

export function runCheck(file: string): number {
  const config = readConfiguration(file, existsSync);
  if (config === null) return EXIT.wrong;
  const { queues, agents } = config.core;
  const { register } = config.sip;
  process.stdout.write(
    `${file}: OK (${queues.length} queues, ${agents.length} agents, ${register.length} PBXs)\n`,
  );
  return EXIT.ok;
}
