/**
 * `acd docs`: writes docs/CONFIGURATION.md, docs/CLI.md and docs/openapi.json out of what runs.
 * Tests hold the committed files to what this writes.
 */
import type { Command } from 'commander';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { writeReference } from '../config/reference.ts';
import { describeApi } from '../http/describe.ts';
import { EXIT } from './exit.ts';
import { writeManual } from './manual.ts';
import { projectFolder, version } from './project.ts';

export async function writeDocs(program: Command): Promise<number> {
  const folder = path.join(projectFolder, 'docs');
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'CONFIGURATION.md'), writeReference());
  const api = JSON.stringify(await describeApi(version()), null, 2);
  writeFileSync(path.join(folder, 'openapi.json'), `${api}\n`);
  writeFileSync(path.join(folder, 'CLI.md'), writeManual(program));
  process.stdout.write('wrote docs/CONFIGURATION.md, docs/CLI.md and docs/openapi.json\n');
  return EXIT.ok;
}
