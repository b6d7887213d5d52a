/**
 * Goal: nobody is killed as hung who had no time to answer. Method: small texts through
 * parseConfig.
 */
import { expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.ts';

function hung(written: string): number | string | undefined {
  const result = parseConfig(`takeover: {hung: ${written}}`, {
    env: {},
    folder: '/',
    sounds: null,
  });
  return result.ok ? result.config.takeoverHungMs : result.faults[0]?.message;
}

it.each([
  ['0', 0],
  ['3', 3_000],
  ['3600', 3_600_000],
])('given takeover.hung: %s, takes it', (written, ms) => {
  expect(hung(written)).toBe(ms);
});

it.each(['0.01', '2.9', '-1', '3601', 'never'])('given takeover.hung: %s, refuses', (written) => {
  expect(hung(written)).toBe(
    `"${written}" cannot be used; give seconds from 3 to 3600, as 15, or 0 for never`,
  );
});
