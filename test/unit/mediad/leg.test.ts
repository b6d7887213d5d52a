/**
 * Goal: whoever begins to listen learns of a leg's silence, and of its end. Method: a leg whose
 * sockets and clock are in the test's hands.
 */
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import type { LegEvent } from '../../../src/mediad/events.ts';
import { Leg } from '../../../src/mediad/leg.ts';
import type { PortPair } from '../../../src/mediad/ports.ts';

const remote = {
  ...{ address: '127.0.0.1', port: 4000, rtcpPort: 4001, dtmf: null, sends: true, receives: true },
  audio: [{ payloadType: 0, law: 'ulaw' }] as const,
};

function openLeg() {
  const socket = () => Object.assign(new EventEmitter(), { send: () => undefined });
  const pair = { rtp: socket(), rtcp: socket(), port: 5000, family: 4 } as unknown as PortPair;
  const told: LegEvent[] = [];
  let now = 0;
  const leg = new Leg(
    'a',
    pair,
    { address: '127.0.0.1', peer: '127.0.0.1' },
    {
      now: () => now,
      owedMs: () => 0,
      emit: (event) => told.push(event),
      wake: () => undefined,
      silenceMs: 10_000,
    },
  );
  const tendAt = (at: number): void => leg.tend((now = at));
  return { leg, tendAt, told: () => told.splice(0) };
}

const silent = (silentMs: number) => ({ event: 'silence', leg: 'a', silentMs, wasHeard: false });

it('tells again for how long it has been silent, or that it is not', () => {
  const { leg, tendAt, told } = openLeg();
  leg.tellAgain(0);
  expect(told()).toEqual([]);
  leg.setRemote(remote);
  leg.tellAgain(9_000);
  expect(told()).toEqual([silent(0)]);
  tendAt(10_000);
  expect(told()).toEqual([silent(10_000)]);
  leg.tellAgain(12_000);
  expect(told()).toEqual([silent(12_000)]);
});

it('whose silence is counted anew, because its SDP came again, says so', () => {
  const { leg, tendAt, told } = openLeg();
  leg.setRemote(remote);
  tendAt(10_000);
  told();
  leg.setRemote(remote);
  expect(told()).toEqual([silent(0)]);
  leg.setRemote(remote);
  expect(told()).toEqual([]);
});
