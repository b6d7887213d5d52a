/**
 * The loop on trial: a journal that fails on demand, a clock moved by hand, and the few commands
 * that the tests of the loop are made of. Loops are stopped at the end of each test.
 */
import { afterEach } from 'vitest';
import type { CoreEvent } from '../../../src/core/events.ts';
import { MemoryJournal } from '../../../src/journal/memory.ts';
import type { AppendResult, Journal, ReadResult } from '../../../src/journal/port.ts';
import { openLoop, type Loop, type LoopOptions } from '../../../src/runtime/loop.ts';
import type { NewCommand, Outcome } from '../../../src/runtime/port.ts';
import { agent, config, queue } from '../core/scenario.ts';

/** A memory journal that can be told to fail, to answer later, and that counts. */
export class TrialJournal extends MemoryJournal implements Journal {
  failsAppend = false;
  failsRead = false;
  later = false;
  readonly batches: number[] = [];

  override append(expectedSeq: number, events: readonly CoreEvent[]): AppendResult {
    if (this.failsAppend) return { ok: false, reason: 'unavailable', detail: 'disk full' };
    const result = super.append(expectedSeq, events);
    if (result.ok && events.length > 0) this.batches.push(events.length);
    const answer = this.later ? new Promise((done) => setImmediate(() => done(result))) : result;
    return answer as AppendResult;
  }

  override read(fromSeq: number, limit: number): ReadResult {
    if (this.failsRead) return { ok: false, reason: 'unavailable', detail: 'cannot read' };
    return super.read(fromSeq, limit);
  }
}

export const CONFIG = config([queue('sales')], [agent('1', 'sales'), agent('2', 'sales')]);
export const BY = { by: 'test' };
export const apply: NewCommand = { kind: 'ApplyConfig', config: CONFIG, ...BY };
export const arrive = (callId: string): NewCommand => ({
  kind: 'ArriveCall',
  callId,
  queue: 'sales',
  sipCallId: callId,
  from: '',
  fromName: '',
  to: '',
  ...BY,
});
export const confirm = (callId: string): NewCommand => ({ kind: 'ConfirmCall', callId, ...BY });
export const bye = (callId: string): NewCommand => ({
  kind: 'EndCall',
  callId,
  cause: 'bye',
  ...BY,
});

const open: Loop[] = [];
afterEach(async () => {
  for (const loop of open.splice(0)) await loop.stop();
});

export async function start(journal: Journal, options: Partial<LoopOptions> = {}) {
  const time = { now: 1_000_000 };
  const told: string[] = [];
  const fatal: Error[] = [];
  const logged: string[] = [];
  const opened = await openLoop({
    journal,
    clock: {
      now: () => time.now,
      atLeast: (instant) => (time.now = Math.max(time.now, instant)),
    },
    newId: () => 'id',
    log: (_level, text) => logged.push(text),
    onFatal: (error) => fatal.push(error),
    retryMs: 1,
    ...options,
  });
  if (!opened.ok) throw new Error(opened.detail);
  const { loop } = opened;
  open.push(loop);
  loop.react(({ seq, event }) => told.push(`${seq} ${event.kind}`));
  return { loop, time, told, fatal, logged };
}

export async function kinds(outcome: Promise<Outcome>): Promise<string[] | string> {
  const settled = await outcome;
  return settled.ok ? settled.events.map(({ event }) => event.kind) : settled.refusal;
}
