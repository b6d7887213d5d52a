/**
 * Goal: whoever begins to listen learns of a leg's silence, and of its end. Method: a leg whose
 * sockets and clock are in the test's hands.
 */
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import type { LegEvent } from '../../../src/mediad/events.ts';
import { Leg } from '../../../src/mediad/leg.ts';
import { writeHeader } from '../../../src/mediad/rtp.ts';
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
  /** The end of a key press, in a packet of this payload type. */
  const pressed = (payloadType: number, seq: number): void => {
    const packet = Buffer.concat([Buffer.alloc(12), Buffer.from([5, 0x8a, 0x03, 0x20])]);
    writeHeader(packet, 0, payloadType, false, seq, seq * 2_000, 7);
    pair.rtp.emit('message', packet, { address: '127.0.0.1', port: 4000 });
  };
  return { leg, tendAt, pressed, told: () => told.splice(0) };
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

it('hears keys by the type its party named, and by that of our own offer', () => {
  const { leg, pressed, told } = openLeg();
  const keys = () => told().filter(({ event }) => event === 'dtmf').length;
  leg.setRemote({ ...remote, dtmf: 96 });
  pressed(96, 1);
  expect(keys()).toBe(1);
  pressed(101, 2);
  expect(keys()).toBe(1);
  // Where 101 is speech to the party, it is speech.
  leg.setRemote({ ...remote, dtmf: 96, audio: [{ payloadType: 101, law: 'ulaw' }] });
  pressed(101, 3);
  // And who agreed to no keys sends none.
  leg.setRemote(remote);
  pressed(101, 4);
  expect(keys()).toBe(0);
});
