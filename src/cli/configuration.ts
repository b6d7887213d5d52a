/** Reading acd.yaml for a verb: the configuration, or every fault on standard error. */
import path from 'node:path';
import type { Instead } from '../config/kept.ts';
import { readKept } from '../config/kept.ts';
import { loadConfig, parseConfig, writeFault } from '../config/load.ts';
import type { Fault } from '../config/tree.ts';
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
  tellFaults(file, result.faults);
  return null;
}

/**
 * For a server that follows another: where acd.yaml cannot be used now, what was last loaded of it
 * and is kept in `keptAt`. `faults`: that cannot be, either; what is wrong has been told.
 */
export function readAsKept(
  file: string,
  keptAt: string | null,
):
  | { readonly config: AcdConfig; readonly instead: Instead | null }
  | { readonly faults: readonly string[] } {
  const { env } = process;
  const result = loadConfig(file, { env, sounds: knownSounds() });
  if (result.ok) return { config: result.config, instead: null };
  const faults = tellFaults(file, result.faults);
  const kept = keptAt === null ? null : readKept(keptAt);
  if (kept === null) return { faults };
  const folder = path.dirname(path.resolve(file));
  // A prompt that is gone is not played; its queue is served all the same.
  const former = parseConfig(kept.text, { env, folder, sounds: null });
  if (former.ok) return { config: former.config, instead: { ...kept, faults } };
  tellFaults(keptAt ?? '', former.faults);
  return { faults };
}

/** On standard error, a line each. */
function tellFaults(file: string, faults: readonly Fault[]): string[] {
  const shown = path.relative(process.cwd(), path.resolve(file));
  const name = shown.startsWith('..') ? file : shown;
  const lines = faults.map((fault) => writeFault(name, fault));
  const count = lines.length === 1 ? '1 mistake' : `${lines.length} mistakes`;
  process.stderr.write(`${lines.join('\n')}\n${name} has ${count}; nothing of it was used\n`);
  return lines;
}
