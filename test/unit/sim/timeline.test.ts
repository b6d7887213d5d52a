/** Goal: stepped time is in order, and dies with a process. Method: write down what ran when. */
import { expect, it } from 'vitest';
import { Mortal, Timeline } from '../../../src/sim/timeline.ts';

async function runAll(timeline: Timeline): Promise<void> {
  while (await timeline.step());
}

it('runs what was planned by its instant, then in the order of planning', async () => {
  const timeline = new Timeline(1_000);
  const ran: string[] = [];
  const note = (name: string) => () => void ran.push(`${timeline.now()} ${name}`);
  timeline.after(50, note('later'));
  timeline.soon(note('soon'));
  timeline.at(1_020, note('first'));
  timeline.after(20, note('second'));
  timeline.at(900, note('past'));
  const cancel = timeline.after(10, note('never'));
  cancel();
  await runAll(timeline);
  expect(ran).toEqual(['1000 soon', '1000 past', '1020 first', '1020 second', '1050 later']);
  expect(timeline.next()).toBeNull();
});

it('lets everything that follows at once follow before the next step', async () => {
  const timeline = new Timeline();
  const ran: string[] = [];
  timeline.soon(() => {
    void (async () => {
      for (let n = 0; n < 100; n += 1) await Promise.resolve();
      ran.push('followed');
    })();
  });
  timeline.soon(() => ran.push('next'));
  await runAll(timeline);
  expect(ran).toEqual(['followed', 'next']);
});

it('runs nothing of a process that is dead', async () => {
  const timeline = new Timeline();
  const process = new Mortal(timeline);
  const ran: string[] = [];
  process.after(1, () => ran.push('alive'));
  process.after(2, () => process.die());
  process.after(3, () => ran.push('dead'));
  process.soon(() => ran.push('soon'));
  await runAll(timeline);
  expect(ran).toEqual(['soon', 'alive']);
});
