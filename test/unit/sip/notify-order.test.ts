/** Goal: what a phone repeats is told from what it says too late. Method: numbers. */
import { expect, it } from 'vitest';
import { NotifyOrder } from '../../../src/sip/notify-order.ts';

it('knows what is new, what comes again, and what is past', () => {
  const order = new NotifyOrder();
  expect(order.judge(5)).toBe('new');
  order.note(5);
  expect(order.judge(5)).toBe('again');
  expect(order.judge(4)).toBe('old');
  order.note(7);
  expect([5, 6, 7, 8].map((cseq) => order.judge(cseq))).toEqual(['again', 'old', 'again', 'new']);
  for (let cseq = 8; cseq < 40; cseq += 1) order.note(cseq);
  // Long past: nobody repeats it any more.
  expect(order.judge(5)).toBe('old');
  order.forget();
  expect(order.judge(1)).toBe('new');
});
