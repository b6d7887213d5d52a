/** Goal: the ordered structures. Method: random work against the obvious array. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrderedSet, TimerHeap, type Timer } from '../../../src/core/ordered.ts';

const work = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 60 })), {
  maxLength: 400,
  size: 'max',
});

describe('OrderedSet', () => {
  it('is a sorted array without duplicates that knows ranks', () => {
    fc.assert(
      fc.property(work, (steps) => {
        const set = new OrderedSet<number>((a, b) => a - b);
        const model = new Set<number>();
        for (const [adds, value] of steps) {
          const had = model.has(value);
          if (adds) {
            expect(set.add(value)).toBe(!had);
            model.add(value);
          } else {
            expect(set.delete(value)).toBe(had);
            model.delete(value);
          }
          const sorted = [...model].sort((a, b) => a - b);
          expect([...set]).toEqual(sorted);
          expect(set.size).toBe(sorted.length);
          expect(set.first()).toBe(sorted[0]);
          expect(sorted.map((each) => set.rank(each))).toEqual([...sorted.keys()]);
          expect(set.rank(value)).toBe(sorted.filter((other) => other < value).length);
          expect(set.has(value)).toBe(model.has(value));
        }
      }),
    );
  });

  it('stays cheap: comparisons grow with the logarithm', () => {
    let comparisons = 0;
    const set = new OrderedSet<number>((a, b) => {
      comparisons += 1;
      return a - b;
    });
    const costAt = (size: number): number => {
      while (set.size < size) set.add(set.size * 2);
      comparisons = 0;
      for (let n = 0; n < 1_000; n += 1) set.rank(((n * 7_919) % size) * 2 + 1);
      return comparisons / 1_000;
    };
    const small = costAt(1_000);
    expect(costAt(64_000)).toBeLessThan(small * 3);
  });
});

describe('TimerHeap', () => {
  it('gives the nearest first, equals by kind and id, and lets any timer move or go', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.integer({ min: 0, max: 20 }), fc.option(fc.integer({ min: 0, max: 9 }))),
          { maxLength: 200, size: 'max' },
        ),
        (steps) => {
          const heap = new TimerHeap();
          const timers = Array.from({ length: 21 }, (_, n): Timer => {
            return {
              kind: n % 2 === 0 ? 'a' : 'b',
              id: String.fromCharCode(97 + n),
              at: 0,
              slot: -1,
            };
          });
          const model = new Set<Timer>();
          for (const [n, at] of steps) {
            const timer = timers[n]!;
            heap.set(timer, at);
            if (at === null) model.delete(timer);
            else model.add(timer);
            expect(heap.size).toBe(model.size);
            expect(heap.has(timer)).toBe(model.has(timer));
            const nearest = [...model].sort(
              (a, b) => a.at - b.at || a.kind.localeCompare(b.kind) || a.id.localeCompare(b.id),
            )[0];
            expect(heap.first()).toBe(nearest);
          }
        },
      ),
    );
  });
});
