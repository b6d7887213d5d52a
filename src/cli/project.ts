/** Where this program's own files are: prompts, documents, version. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { KnownSounds } from '../config/faults.ts';

/** The folder with package.json: src/cli/ and dist/cli/ are both two below it. */
export const projectFolder = path.resolve(import.meta.dirname, '../..');

export function version(): string {
  const file = readFileSync(path.join(projectFolder, 'package.json'), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

interface Manifest {
  readonly prompts: readonly { readonly key: string }[];
  readonly music: readonly { readonly class: string }[];
}

/** Prompts and music that may be named in acd.yaml. */
export function knownSounds(): KnownSounds {
  const prompts = new Set<string>();
  const music = new Set<string>();
  for (const file of ['manifest.json', 'asterisk.json']) {
    const text = readFileSync(path.join(projectFolder, 'prompts', file), 'utf8');
    const manifest = JSON.parse(text) as Manifest;
    for (const { key } of manifest.prompts) prompts.add(key);
    for (const entry of manifest.music) music.add(entry.class);
  }
  return { prompts, music };
}
