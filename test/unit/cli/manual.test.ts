/** Goal: docs/CLI.md is what the program prints of itself, and bash takes the completion script. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../../src/cli/index.ts';
import { writeCompletion, writeManual } from '../../../src/cli/manual.ts';
import { projectFolder } from '../../../src/cli/project.ts';

const program = buildProgram(() => undefined);

function complete(...words: readonly string[]): string[] {
  const script = `${writeCompletion(program, 'bash')}
COMP_WORDS=(acd ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
cd /proc/self/fdinfo; _acd; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
}

describe('the manual', () => {
  it('docs/CLI.md is what npm run docs writes', () => {
    const file = path.join(projectFolder, 'docs/CLI.md');
    expect(readFileSync(file, 'utf8')).toBe(writeManual(program));
  });
});

describe('completion in bash', () => {
  it('knows verbs, verbs of a group, and options', () => {
    expect(complete('que')).toContain('queue');
    expect(complete('queue', 'sh')).toEqual(['show']);
    expect(complete('agent', 'pause', '--rea')).toEqual(['--reason']);
    expect(complete('glue', 'kam')).toEqual(['kamailio']);
    expect(complete('glue', 'kamailio', '--with')).toEqual(['--with-password']);
  });

  it('names files behind a verb, and none where one is still to be chosen', () => {
    expect(complete('')).not.toContain('0');
    expect(complete('queue', '')).toEqual(['show', 'add', 'remove']);
    expect(complete('check', '')).toEqual(expect.arrayContaining(['0', '--config']));
  });
});
