/** Goal: the newest stay, the one put longest ago goes, and a table is never larger than it may. */
import { describe, expect, it } from 'vitest';
import { addNewest, putNewest } from '../../../src/shared/newest.ts';

describe('a table of the newest', () => {
  it('lets the one go that was put longest ago, and says which', () => {
    const map = new Map<string, number>();
    const gone = ['a', 'b', 'a', 'c', 'd'].map((key, i) => putNewest(map, key, i, 2));
    expect(gone).toEqual([undefined, undefined, undefined, 'b', 'a']);
    expect([...map]).toEqual([
      ['c', 3],
      ['d', 4],
    ]);
  });

  it('does so with sets', () => {
    const set = new Set<string>();
    for (const one of ['a', 'b', 'a', 'c']) addNewest(set, one, 2);
    expect([...set]).toEqual(['a', 'c']);
  });
});
