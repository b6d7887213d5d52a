/** Goal: who has too few files is told how many he needs. Method: limits as Linux writes them. */
import { expect, it } from 'vitest';
import type { AcdConfig } from '../../../src/config/types.ts';
import { fileLimit, findFileFault } from '../../../src/supervisor/preflight.ts';

const config = { core: { maxCalls: 100 } } as Pick<AcdConfig, 'core'>;
const limits = (hard: string): string =>
  `Max cpu time              unlimited            unlimited            seconds\n` +
  `Max open files            64                   ${hard.padEnd(20)} files\n`;

it('reads what the system lets us have at most', () => {
  expect(fileLimit(() => limits('1024'))).toBe(1024);
  expect(fileLimit(() => limits('unlimited'))).toBeNull();
  expect(fileLimit(() => '')).toBeNull();
  const gone = Object.assign(new Error('gone'), { code: 'ENOENT' });
  expect(
    fileLimit(() => {
      throw gone;
    }),
  ).toBeNull();
  expect(fileLimit() ?? 1).toBeGreaterThan(0);
});

it('refuses a start that would fail in pieces, and warns of one that has room for few', () => {
  expect(findFileFault(config, null)).toBeNull();
  expect(findFileFault(config, 1_600)).toBeNull();
  const few = findFileFault(config, 248);
  expect(few).toMatchObject({ isFatal: false });
  expect(few?.text).toMatch(/^only 248 .* about 22 calls .* allow 1600: ulimit -n 1600 /);
  const none = findFileFault(config, 64);
  expect(none).toMatchObject({ isFatal: true });
  expect(none?.text).toMatch(/^only 64 .* too few for the ACD to start; .* allow 1600/);
});
