/**
 * Goal: the house rules that no linter holds. Method: read every source file and look. Files have
 * about 400 lines (hard stop 450), lines 100 columns, each file opens with a paragraph; no
 * left-over marks, no empty catch, no circle of files, no export that nothing uses; what comments
 * and documents name is there.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..');

/** Files under these folders (all, if none is named) that git has or would take. */
function listed(...folders: string[]): string[] {
  const args = ['ls-files', '-co', '--exclude-standard', ...folders];
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n');
}

const files = listed('src', 'test').filter((file) => /\.(ts|mjs)$/.test(file));
const text = new Map(files.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]));

function offenders(isBad: (file: string, body: string) => string | null): string[] {
  return [...text].flatMap(([file, body]) => {
    const fault = isBad(file, body);
    return fault === null ? [] : [`${file}: ${fault}`];
  });
}

function importsOf(file: string, body: string): string[] {
  const found = body.matchAll(/^(?:import|export)\s(?!type)[^;]*?from\s+'(\.[^']+)'/gm);
  return [...found].map((match) => path.join(path.dirname(file), match[1] ?? ''));
}

/** The first circle of imports that a walk from the files finds; each file is entered once. */
function findCircle(starts: readonly string[]): string[] | null {
  const done = new Set<string>();
  const walk = (file: string, trail: string[]): string[] | null => {
    const at = trail.indexOf(file);
    if (at >= 0) return [...trail.slice(at), file];
    const body = text.get(file);
    if (body === undefined || done.has(file)) return null;
    for (const next of importsOf(file, body)) {
      const circle = walk(next, [...trail, file]);
      if (circle !== null) return circle;
    }
    done.add(file);
    return null;
  };
  for (const start of starts) {
    const circle = walk(start, []);
    if (circle !== null) return circle;
  }
  return null;
}

describe('tidy', () => {
  it('keeps files short enough to read', () => {
    expect(
      offenders((_file, body) => {
        const lines = body.split('\n').length;
        return lines > 450 ? `${lines} lines` : null;
      }),
    ).toEqual([]);
  });

  it('keeps lines within 100 columns', () => {
    expect(
      offenders((_file, body) => {
        const at = body.split('\n').findIndex((line) => line.length > 100);
        return at >= 0 ? `line ${at + 1}` : null;
      }),
    ).toEqual([]);
  });

  it('opens every file with its idea', () => {
    expect(
      offenders((_file, body) =>
        /^(#![^\n]*\n)?\/(\*\*|\/)/.test(body) ? null : 'no paragraph at its top',
      ),
    ).toEqual([]);
  });

  it('leaves no marks of unfinished work', () => {
    const marks = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', '\\.only\\('].join('|'));
    expect(
      offenders((_file, body) => {
        const found = marks.exec(body);
        return found === null ? null : found[0];
      }),
    ).toEqual([]);
  });

  it('swallows no error silently', () => {
    expect(
      offenders((_file, body) =>
        /catch\s*(\([^)]*\))?\s*\{\s*\}|\.catch\(\s*\(\)\s*=>\s*(\{\s*\}|undefined)\s*\)/.test(body)
          ? 'empty catch'
          : null,
      ),
    ).toEqual([]);
  });

  it('exports only what another file uses', () => {
    const users = new Map<string, number>();
    for (const body of text.values()) {
      for (const word of new Set(body.match(/[A-Za-z_$][\w$]*/g))) {
        users.set(word, (users.get(word) ?? 0) + 1);
      }
    }
    expect(
      offenders((_file, body) => {
        // Types are left alone: they name what an exported function takes and gives.
        const found = body.matchAll(/^export (?:async )?(?:function\*?|class|const) (\w+)/gm);
        const idle = [...found].map(([, name = '']) => name).filter((one) => users.get(one) === 1);
        return idle.length === 0 ? null : idle.join(', ');
      }),
    ).toEqual([]);
  });

  it('names in comments only files that are there', () => {
    const known = new Set(
      listed().flatMap((file) => file.split('/').map((_, at, parts) => parts.slice(at).join('/'))),
    );
    expect(
      offenders((_file, body) => {
        const comments = body.match(/\/\*[^]*?\*\/|(?<!:)\/\/[^\n]*/g) ?? [];
        const named = comments.join('\n').matchAll(/(?<![\w./$*<-])[\w./-]*\w\.(?:ts|mjs|md)\b/g);
        const lost = [...named].map(([name]) => name).filter((name) => !known.has(name));
        return lost.length === 0 ? null : lost.join(', ');
      }),
    ).toEqual([]);
  });

  it('links in documents only to files and headings that are there', () => {
    const documents = listed().filter((file) => file.endsWith('.md'));
    const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
    const anchor = (heading: string) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-');
    const anchorsOf = (file: string) =>
      [...read(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading));
    const lost = documents.flatMap((file) => {
      const links = [...read(file).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)];
      return links.flatMap(([link, to = '', heading]) => {
        const target = to === '' ? file : path.join(path.dirname(file), to);
        const isThere = existsSync(path.join(root, target));
        const isWhole = heading === undefined || (isThere && anchorsOf(target).includes(heading));
        return isThere && isWhole ? [] : [`${file}: ${link}`];
      });
    });
    expect(lost).toEqual([]);
  });

  it('has no circle of files', () => {
    expect(findCircle(files.filter((file) => file.startsWith('src/')))).toBeNull();
  });
});
