/** Reading acd.yaml for a verb: the configuration, or every fault on standard error. */
import path from 'node:path';
import { loadConfig, writeFault } from '../config/load.ts';
import type { AcdConfig } from '../config/types.ts';
import { knownSounds } from './project.ts';

/** Null: it has faults, and they have been told. `hasFile`: prompts by path are looked for, too. */
export function readConfiguration(
  file: string,
  hasFile?: (path: string) => boolean,
): AcdConfig | null {
  const sounds = { ...knownSounds(), ...(hasFile === undefined ? {} : { hasFile }) };
  const result = loadConfig(file, { env: process.env, sounds });
  if (result.ok) return result.config;
  const shown = path.relative(process.cwd(), path.resolve(file));
  const name = shown.startsWith('..') ? file : shown;
  const lines = result.faults.map((fault) => writeFault(name, fault));
  const count = lines.length === 1 ? '1 mistake' : `${lines.length} mistakes`;
  process.stderr.write(`${lines.join('\n')}\n${name} has ${count}; nothing of it was used\n`);
  return null;
}
