/** Each leg once a beat, in slices, whoever comes and goes between two of them. */
import { describe, expect, it } from 'vitest';
import { phases } from '../../../src/mediad/clock.ts';
import type { Leg } from '../../../src/mediad/leg.ts';
import { Rota, sliceLegs } from '../../../src/mediad/rota.ts';
import { seeded } from '../../support/seeded.ts';

interface Fake {
  phase: number;
  needsTicks: boolean;
  ticks: number[];
}

function fake(): Fake {
  const ticks: number[] = [];
  return {
    phase: -1,
    needsTicks: true,
    ticks,
    tick: (at: number) => ticks.push(at),
    outgoing: { pause: () => undefined },
  } as Fake;
}

const asLeg = (one: Fake): Leg => one as unknown as Leg;
const legsIn = (rota: Rota, count: number): Fake[] =>
  Array.from({ length: count }, () => {
    const one = fake();
    rota.join(asLeg(one));
    return one;
  });

describe('the rota', () => {
  it('serves every leg of a phase once, in so many slices', () => {
    const rota = new Rota();
    const legs = legsIn(rota, phases * (2 * sliceLegs + 1));
    const answers = [1, 2, 3].map(() => rota.serve(0, 5, false));
    expect(answers).toEqual([false, false, true]);
    expect(legs.filter(({ ticks }) => ticks.length === 1)).toHaveLength(2 * sliceLegs + 1);
    expect(rota.serve(0, 25, false)).toBe(false);
  });

  it('lets a leg go that needs no more', () => {
    const rota = new Rota();
    const [one] = legsIn(rota, 1);
    if (one) one.needsTicks = false;
    expect(rota.serve(0, 5, false)).toBe(true);
    expect(rota.size).toBe(0);
    expect(one?.phase).toBe(-1);
  });

  it.each([1, 2, 3, 4, 5])(
    'serves none twice and forgets none: legs leave amid (seed %i)',
    (seed) => {
      const random = seeded(seed);
      const rota = new Rota();
      let legs = legsIn(rota, phases * 5 * sliceLegs);
      for (let at = 0; at < 10; at += 1) {
        for (let isDone = false; !isDone;) {
          isDone = rota.serve(at % phases, at, false);
          const gone = new Set(legs.filter(() => random() < 0.02));
          for (const one of gone) rota.leave(asLeg(one));
          legs = legs.filter((one) => !gone.has(one));
          for (const one of gone)
            expect(one.ticks.filter((tick) => tick === at).length).toBeLessThan(2);
        }
        const here = legs.filter(({ phase }) => phase === at % phases);
        expect(here.filter(({ ticks }) => ticks.at(-1) === at)).toHaveLength(here.length);
        for (const { ticks } of here) expect(ticks.filter((tick) => tick === at)).toHaveLength(1);
      }
    },
  );
});
