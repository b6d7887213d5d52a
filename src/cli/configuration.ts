/** Reading acd.yaml for a verb: the configuration, or every fault on standard error. */
import path from 'node:path';
import { loadConfig, writeFault } from '../config/load.ts';
import type { AcdConfig } from '../config/types.ts';
import { knownSounds } from './project.ts';

/** Null: it has faults, and they have been told. */
export function readConfiguration(file: string): AcdConfig | null {
  const result = loadConfig(file, { env: process.env, sounds: knownSounds() });
  if (result.ok) return result.config;
  const shown = path.relative(process.cwd(), path.resolve(file));
  const name = shown.startsWith('..') ? file : shown;
  const lines = result.faults.map((fault) => writeFault(name, fault));
  const count = lines.length === 1 ? '1 mistake' : `${lines.length} mistakes`;
  process.stderr.write(`${lines.join('\n')}\n${name} has ${count}; nothing of it was used\n`);
  return null;
}
