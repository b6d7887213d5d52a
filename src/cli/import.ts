/**
 * `acd import FILES`: Asterisk's queues.conf, queuerules.conf, agents.conf and extensions.conf, or
 * FreePBX's queues_additional.conf and extensions_additional.conf, as an acd.yaml on standard
 * output. What could not be carried over is listed on standard error: file:line, what, why.
 */
import type { Command } from 'commander';
import { isUtf8 } from 'node:buffer';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { registrarUri } from '../config/fields.ts';
import type { Files } from './import/conf.ts';
import { importFiles } from './import/write.ts';
import { EXIT, fault } from './exit.ts';
import { knownSounds } from './project.ts';

const MAX_BYTES = 20_000_000;

/** Files of old systems are often in Latin-1: names stay readable, and `onLatin` is told. */
function textOf(file: string, onLatin: (file: string) => void): string | null {
  try {
    const bytes = readFileSync(file);
    if (bytes.length > MAX_BYTES) return null;
    if (isUtf8(bytes)) return bytes.toString('utf8');
    onLatin(file);
    return bytes.toString('latin1');
  } catch {
    // Told by who asked, with the line that names the file.
    return null;
  }
}

/** What is no file (a device, a pipe) is included by nobody. */
function isFile(file: string): boolean {
  try {
    return statSync(file).isFile();
  } catch {
    // Not there, or not to be seen: none for us.
    return false;
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
  return found.filter(isFile);
}

export function filesOf(onLatin: (file: string) => void): Files {
  return { read: (file) => textOf(file, onLatin), match };
}

function runImport(names: readonly string[], host: string): number {
  if (!registrarUri('').safeParse(`sip:${host}`).success) {
    return fault(`--pbx ${host}: name the PBX as host or host:port`);
  }
  const latin = new Set<string>();
  const files = filesOf((file) => latin.add(file));
  const given: { file: string; text: string }[] = [];
  for (const file of names) {
    const text = files.read(file);
    if (text === null) return fault(`${file}: cannot be read`);
    given.push({ file, text });
  }
  const sounds = { ...knownSounds(), hasFile: isFile };
  const result = importFiles(given, { host, sounds, files });
  if (!result.ok)
    return fault(`what was imported is no configuration:\n${result.faults.join('\n')}`);
  process.stdout.write(result.yaml);
  const notes = [
    ...[...latin].map((file) => `${file}:1: the file: is not UTF-8; read as Latin-1`),
    ...result.notes.map(({ file, line, what, why }) => `${file}:${line}: ${what}: ${why}`),
  ];
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
