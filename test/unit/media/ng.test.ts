/**
 * Goal: a command to rtpengine has one outcome, whatever the network and the engine do, and what
 * rtpengine-client cannot do is made up for. Method: an engine of paper on loopback that answers,
 * or does not, as each test says. Its bencode is written apart from the client's.
 */
import dgram from 'node:dgram';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createNgClient, type NgClient, type NgOptions } from '../../../src/media/ng.ts';
import { Inbox, within } from '../../support/inbox.ts';

const dictionary = (fields: Record<string, string>) =>
  `d${Object.entries(fields)
    .sort()
    .map((pair) => pair.map((text) => `${Buffer.byteLength(text)}:${text}`).join(''))
    .join('')}e`;
const PONG = dictionary({ result: 'pong' });

interface Paper {
  readonly port: number;
  /** Datagrams received, in order. */
  readonly heard: Inbox<Buffer>;
  readonly all: Buffer[];
  reply(to: Buffer, body: string): void;
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
  vi.restoreAllMocks();
});

const cookieOf = (datagram: Buffer) => datagram.toString('latin1').split(' ')[0] ?? '';

async function paperEngine(onCommand: (datagram: Buffer, nth: number) => string | null) {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  const heard = new Inbox<Buffer>('engine', String);
  const all: Buffer[] = [];
  let client = 0;
  const paper: Paper = {
    port: socket.address().port,
    heard,
    all,
    reply: (to, body) => socket.send(`${cookieOf(to)} ${body}`, client, '127.0.0.1'),
  };
  socket.on('message', (datagram, from) => {
    client = from.port;
    all.push(datagram);
    const body = onCommand(datagram, all.length);
    if (body !== null) paper.reply(datagram, body);
    heard.put(datagram);
  });
  closers.push(() => socket.close());
  return paper;
}

function clientOf(paper: Paper, options: Partial<NgOptions> = {}): NgClient {
  const client = createNgClient({ host: '127.0.0.1', port: paper.port, ...options });
  closers.push(() => client.close());
  return client;
}

const strayed = (client: NgClient, count: number) =>
  vi.waitFor(() => expect(client.strays()).toBe(count));

describe('a command to rtpengine', () => {
  it('given an answer, fields pass both ways: blanks, lists and SDP', async () => {
    const sdp = 'v=0\r\ns=Grüße\r\n';
    const paper = await paperEngine(() => dictionary({ result: 'ok', sdp }));
    const params = { 'call-id': 'a', sdp, replace: ['origin'], codec: { strip: ['all'] } };
    const result = await clientOf(paper).request('offer', params);
    expect(result).toEqual({ ok: true, reply: { result: 'ok', sdp } });
    const sent = paper.all[0]?.toString().split(' ').slice(1).join(' ');
    for (const part of [
      '7:command5:offer',
      '7:call-id1:a',
      `3:sdp${Buffer.byteLength(sdp)}:${sdp}`,
      '7:replacel6:origine',
      '5:codecd5:stripl3:allee',
    ]) {
      expect(sent).toContain(part);
    }
  });

  it('given lost datagrams, the very same one is sent again until a reply comes', async () => {
    const paper = await paperEngine((_, nth) => (nth < 3 ? null : PONG));
    const result = await clientOf(paper, { repeatAtMs: [10, 20, 30] }).request('ping', {});
    expect(result.ok).toBe(true);
    expect(paper.all.length).toBeGreaterThanOrEqual(3);
    for (const datagram of paper.all) expect(datagram).toEqual(paper.all[0]);
  });

  it('given no reply, it ends once as a timeout; a late reply disturbs nothing', async () => {
    const print = vi.spyOn(console, 'log');
    const paper = await paperEngine((_, nth) => (nth === 1 ? null : PONG));
    const client = clientOf(paper, { deadlineMs: 40, repeatAtMs: [] });
    const first = client.request('ping', {});
    const datagram = await paper.heard.take('ping', () => true);
    expect(await within('outcome', first)).toMatchObject({ ok: false, why: 'timeout' });
    paper.reply(datagram, PONG);
    await strayed(client, 1);
    expect(await client.request('ping', {})).toMatchObject({ ok: true });
    expect(print).not.toHaveBeenCalled();
  });

  it('given a reply to each repetition, the second is dropped without a word', async () => {
    const print = vi.spyOn(console, 'log');
    const paper = await paperEngine(() => null);
    const client = clientOf(paper, { repeatAtMs: [5] });
    const result = client.request('ping', {});
    const datagram = await paper.heard.take('first', () => true);
    await paper.heard.take('second', () => true);
    paper.reply(datagram, PONG);
    paper.reply(datagram, PONG);
    expect(await result).toMatchObject({ ok: true });
    await strayed(client, 1);
    expect(print).not.toHaveBeenCalled();
  });

  it('given an error, it is refused with the engine’s words', async () => {
    const replies = [
      dictionary({ result: 'error', 'error-reason': 'Unknown call-id' }),
      dictionary({ result: 'load limit', message: 'Parallel session limit reached' }),
    ];
    const paper = await paperEngine((_, nth) => replies[nth - 1] ?? null);
    const client = clientOf(paper);
    const refused = { ok: false, why: 'refused' };
    expect(await client.request('query', {})).toEqual({ ...refused, detail: 'Unknown call-id' });
    const limit = await client.request('offer', {});
    expect(limit).toEqual({ ...refused, detail: 'Parallel session limit reached' });
  });

  for (const [what, body] of [
    ['is no dictionary', 'nonsense'],
    ['is empty', ''],
    ['is cut off', PONG.slice(0, -1)],
  ] as const) {
    it(`given a reply that ${what}, it is dropped without a word`, async () => {
      const print = vi.spyOn(console, 'log');
      const paper = await paperEngine(() => body);
      const client = clientOf(paper, { deadlineMs: 40, repeatAtMs: [] });
      expect(await client.request('ping', {})).toMatchObject({ ok: false, why: 'timeout' });
      expect(client.strays()).toBe(1);
      expect(print).not.toHaveBeenCalled();
    });
  }

  it('given replies in another order, each goes to its command', async () => {
    const paper = await paperEngine(() => null);
    const client = clientOf(paper, { repeatAtMs: [] });
    const results = ['a', 'b', 'c'].map((id) => client.request('query', { 'call-id': id }));
    const heard = [];
    for (const id of ['a', 'b', 'c']) {
      heard.push(await paper.heard.take(id, (text) => text.includes(`7:call-id1:${id}`)));
    }
    for (const [at, datagram] of [...heard.entries()].reverse()) {
      paper.reply(datagram, dictionary({ result: 'ok', who: ['a', 'b', 'c'][at] ?? '' }));
    }
    const who = (await Promise.all(results)).map((result) => result.ok && result.reply['who']);
    expect(who).toEqual(['a', 'b', 'c']);
  });

  it('given the client is closed, what is under way and what follows ends at once', async () => {
    const paper = await paperEngine(() => null);
    const client = clientOf(paper);
    const result = client.request('ping', {});
    await paper.heard.take('ping', () => true);
    client.close();
    expect(await result).toMatchObject({ ok: false, why: 'unsent' });
    expect(await client.request('ping', {})).toMatchObject({ ok: false, why: 'unsent' });
  });

  it('given too many under way, a further one is refused as a limit', async () => {
    const paper = await paperEngine(() => null);
    const client = clientOf(paper, { deadlineMs: 50, repeatAtMs: [] });
    const results = Array.from({ length: 2001 }, () => client.request('ping', {}));
    expect(await results[2000]).toMatchObject({ ok: false, why: 'limit' });
    expect(await Promise.all(results.slice(0, 2000))).toContainEqual(
      expect.objectContaining({ why: 'timeout' }),
    );
    expect(await client.request('ping', {})).toMatchObject({ why: 'timeout' });
  });
});
