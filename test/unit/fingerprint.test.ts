/** Goal: a process that would not be the same today is not taken for the same. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { SHARED_FILES } from '../../src/fingerprint.ts';

const src = path.join(import.meta.dirname, '../../src');

it('the marks of sipd and mediad cover what they import from beside them', () => {
  const imported = ['sipd', 'mediad'].flatMap((folder) =>
    readdirSync(path.join(src, folder)).flatMap((file) =>
      [
        ...readFileSync(path.join(src, folder, file), 'utf8').matchAll(/ from '\.\.\/(.*)\.ts'/g),
      ].map(([, name]) => name),
    ),
  );
  // And what those import in turn.
  for (const name of SHARED_FILES) {
    const text = readFileSync(path.join(src, `${name}.ts`), 'utf8');
    imported.push(...[...text.matchAll(/ from '\.\/(.*)\.ts'/g)].map(([, other]) => other));
  }
  expect([...new Set(imported)].sort()).toEqual([...SHARED_FILES].sort());
});
