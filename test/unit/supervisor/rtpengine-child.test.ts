/**
 * Goal: a stop leaves no rtpengine behind, also where one is just being started again. Method:
 * engines of paper.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MediaConfig } from '../../../src/config/types.ts';
import { Later } from '../../../src/shared/later.ts';
import type { RtpengineStart } from '../../../src/media/rtpengine-process.ts';
import { keepRtpengine } from '../../../src/supervisor/rtpengine-child.ts';

const starts = vi.hoisted((): (() => Promise<unknown>)[] => []);
vi.mock('../../../src/media/rtpengine-process.ts', () => ({
  INSTALL_RTPENGINE: '',
  startRtpengine: () => starts.shift()?.(),
}));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function engine() {
  const ended = new Later<string>();
  const stop = vi.fn(() => {
    ended.settle('stopped');
    return Promise.resolve();
  });
  const rtpengine = { engine: { host: '127.0.0.1', port: 2223 }, pid: 7, stop };
  const start = { ok: true, rtpengine: { ...rtpengine, ended: ended.promise } };
  return { ended, stop, start: start as unknown as RtpengineStart };
}

it('given a stop while it is being started again, stops that one, too', async () => {
  const [first, second] = [engine(), engine()];
  const starting = new Later<RtpengineStart>();
  const isAsked = new Later<void>();
  starts.push(
    () => Promise.resolve(first.start),
    () => {
      isAsked.settle();
      return starting.promise;
    },
  );
  const media = { address: '127.0.0.1', externalAddress: null, redis: null };
  const ports = { min: 20_000, max: 20_100, control: 0 };
  const kept = await keepRtpengine(media as MediaConfig, ports, () => undefined);
  if (!kept.ok) throw new Error(kept.detail);
  first.ended.settle('rtpengine ended with SIGKILL');
  await vi.advanceTimersByTimeAsync(100);
  await isAsked.promise;
  const stopped = kept.child.stop();
  starting.settle(second.start);
  await stopped;
  expect(second.stop).toHaveBeenCalledTimes(1);
});
