/**
 * Goal: which rtpengine is up is judged by what it says, and a refusal is an answer. Method: an
 * engine of paper on loopback that hears the doorbell and the questions, and answers each when the
 * test says. What it answers to one ring has been heard before the next one leaves (one socket,
 * one interval), so the order of things is known without a clock.
 */
import dgram from 'node:dgram';
import { afterEach, describe, expect, it } from 'vitest';
import { createEngines, type EngineListener } from '../../../src/media/engines.ts';
import type { NgResult } from '../../../src/media/ng.ts';
import { Inbox } from '../../support/inbox.ts';

const PONG = 'd6:result4:ponge';
const UNKNOWN = 'd12:error-reason15:Unknown call-id6:result5:errore';
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** Hears rings and questions; answers what the test wants it to. */
async function openPaper() {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  closers.push(() => socket.close());
  let rung = 0;
  const rings = new Inbox<{ nth: number; answer: () => void }>('ring', ({ nth }) => `${nth}`);
  const questions = new Inbox<(body: string) => void>('question', () => 'question');
  socket.on('message', (datagram, from) => {
    const [cookie = ''] = datagram.toString('latin1').split(' ');
    const answer = (body: string) => socket.send(`${cookie} ${body}`, from.port, from.address);
    if (cookie.startsWith('acd-bell-')) rings.put({ nth: (rung += 1), answer: () => answer(PONG) });
    else questions.put(answer);
  });
  /** The next one from now on. */
  const ring = () => {
    const before = rung;
    return rings.take('ring', ({ nth }) => nth > before);
  };
  return { port: socket.address().port, ring, question: () => questions.take('one', () => true) };
}

function watch(port: number, deadlineMs?: number) {
  const told = new Inbox<{ what: string; result?: NgResult }>('told', ({ what }) => what);
  const listener: EngineListener = {
    question: () => ({ command: 'query', params: { 'call-id': 'ours' } }),
    answered: (_engine, result) => told.put({ what: 'answered', result }),
    down: () => told.put({ what: 'down' }),
    up: (_engine, first) => told.put({ what: first ? 'up at first' : 'up again' }),
  };
  const log = { info: () => undefined, warn: () => undefined };
  const engines = createEngines({
    engines: [{ host: '127.0.0.1', port }],
    log,
    listener,
    probeMs: 60_000,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
  closers.push(() => engines.close());
  return { engines, told, hear: (what: string) => told.take(what, (one) => one.what === what) };
}

describe('an rtpengine that was started anew in a blink', () => {
  it('given the bell is answered first, its refusal of the question counts', async () => {
    const paper = await openPaper();
    const { engines, told, hear } = watch(paper.port);
    const first = await paper.question();
    first(PONG);
    await hear('up at first');
    await hear('answered');
    void engines.probe();
    const second = await paper.question();
    (await paper.ring()).answer();
    await paper.ring();
    // Our pong has been heard by now: the process is alive, and knows none of our legs.
    second(UNKNOWN);
    const { result } = await hear('answered');
    expect(result).toEqual({ ok: false, why: 'refused', detail: 'Unknown call-id' });
    expect(engines.all[0]?.state).toBe('up');
    expect(told.pending).toEqual([]);
  });

  it('given the question was lost with its former process, silence is no death', async () => {
    const paper = await openPaper();
    const { engines, told, hear } = watch(paper.port, 1_000);
    (await paper.question())(PONG);
    await hear('up at first');
    const asked = engines.probe();
    (await paper.ring()).answer();
    await asked;
    expect(engines.all[0]?.state).toBe('up');
    expect(told.pending.filter(({ what }) => what === 'down')).toEqual([]);
  });

  it('given one ring had no answer and the next has, it is asked at once', async () => {
    const paper = await openPaper();
    const { engines, hear } = watch(paper.port);
    (await paper.question())(PONG);
    await hear('answered');
    (await paper.ring()).answer();
    await paper.ring();
    (await paper.ring()).answer();
    (await paper.question())(UNKNOWN);
    await hear('answered');
    expect(engines.all[0]?.state).toBe('up');
  });

  it('given neither bell nor question is answered, it is down till a ring', async () => {
    const paper = await openPaper();
    const { engines, hear } = watch(paper.port, 1_000);
    (await paper.question())(PONG);
    await hear('up at first');
    await engines.probe();
    await hear('down');
    expect(engines.candidates()).toEqual([]);
    (await paper.ring()).answer();
    await hear('up again');
    expect(engines.candidates()).toHaveLength(1);
  });
});
