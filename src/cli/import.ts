/**
 * `acd import FILES`: Asterisk's queues.conf, queuerules.conf, agents.conf and extensions.conf, or
 * FreePBX's queues_additional.conf and extensions_additional.conf, as an acd.yaml on standard
 * output. What could not be carried over is listed on standard error: file:line, what, why.
 */
import type { Command } from 'commander';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { registrarUri } from '../config/fields.ts';
import type { Files } from './import/conf.ts';
import { importFiles } from './import/write.ts';
import { EXIT, fault } from './exit.ts';
import { knownSounds } from './project.ts';

const MAX_BYTES = 20_000_000;

function read(file: string): string | null {
  try {
    const text = readFileSync(file, 'utf8');
    return text.length > MAX_BYTES ? null : text;
  } catch {
    // Told by who asked, with the line that names the file.
    return null;
  }
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // A folder that is not there has no files.
    return [];
  }
}

/** `*` and `?` in any part of the path. */
function match(pattern: string, from: string): readonly string[] {
  let found = [path.isAbsolute(pattern) ? '/' : path.dirname(from)];
  for (const part of pattern.split('/').filter((each) => each !== '')) {
    if (!/[*?]/.test(part)) found = found.map((folder) => path.join(folder, part));
    else {
      const escaped = part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
      const fits = new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`);
      found = found.flatMap((folder) =>
        list(folder)
          .filter((name) => fits.test(name))
          .sort()
          .map((name) => path.join(folder, name)),
      );
    }
  }
  return found.filter((file) => read(file) !== null);
}

export const diskFiles: Files = { read, match };

function runImport(names: readonly string[], host: string): number {
  if (!registrarUri('').safeParse(`sip:${host}`).success) {
    return fault(`--pbx ${host}: name the PBX as host or host:port`);
  }
  const given: { file: string; text: string }[] = [];
  for (const file of names) {
    const text = read(file);
    if (text === null) return fault(`${file}: cannot be read`);
    given.push({ file, text });
  }
  const result = importFiles(given, { host, sounds: knownSounds(), files: diskFiles });
  if (!result.ok)
    return fault(`what was imported is no configuration:\n${result.faults.join('\n')}`);
  process.stdout.write(result.yaml);
  const notes = result.notes.map(({ file, line, what, why }) => `${file}:${line}: ${what}: ${why}`);
  // A line of [general] or of a template is one line, of however many queues.
  const lines = [...new Set(notes)];
  if (lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`);
  return EXIT.ok;
}

export function addImport(program: Command, done: (status: number) => void): void {
  program
    .command('import')
    .description('make an acd.yaml out of queues.conf and its like (Asterisk, FreePBX)')
    .argument('<files...>', 'queues.conf, queuerules.conf, agents.conf, extensions.conf')
    .option('--pbx <host>', 'the PBX through which phones are called', 'pbx.example.com')
    .action((files: string[], { pbx }: { pbx: string }) => done(runImport(files, pbx)));
}
