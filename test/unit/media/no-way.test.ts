/**
 * Goal: an address without a way to it is the fault of who named it. Method: a mediad of paper that
 * knows no way anywhere, in words that change, and an rtpengine of paper before it.
 */
import dgram from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import type { Playlist } from '../../../src/media/playlist.ts';
import { createRtpengineMedia } from '../../../src/media/rtpengine.ts';
import { MediaWorker } from '../../../src/media/worker.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const SDP = [
  ...['v=0', 'o=- 1 1 IN IP4 192.0.2.9', 's=-', 'c=IN IP4 192.0.2.9', 't=0 0'],
  ...['m=audio 9000 RTP/AVP 0', ''],
].join('\r\n');

async function worker(): Promise<MediaWorker> {
  const folder = mkdtempSync(path.join(tmpdir(), 'acd-no-way-'));
  const control = path.join(folder, 'mediad.sock');
  const server = createServer((socket) => {
    closers.push(() => socket.destroy());
    createInterface(socket).on('line', (line) => {
      const asked = JSON.parse(line) as { id: number; do: string; host: string };
      const { id } = asked;
      const refused = { id, ok: false, reason: 'no-way', detail: `unreachable: ${asked.host}` };
      const answer = asked.do === 'create' ? refused : { id, ok: true, pid: 1, legs: [] };
      socket.write(`${JSON.stringify(answer)}\n`);
    });
  });
  await new Promise<void>((listening) => server.listen(control, listening));
  closers.push(() => {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const playlist = { files: [] } as unknown as Playlist;
  const made = new MediaWorker({ control, playlist });
  made.start();
  closers.push(() => void made.close());
  expect(await made.whenUp(10_000)).toBeNull();
  return made;
}

/** Takes every offer, as an engine at 127.0.0.1 would. */
async function paperEngine(): Promise<number> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (datagram, from) => {
    const text = datagram.toString('latin1');
    const [cookie = ''] = text.split(' ');
    const sdp = SDP.replaceAll('192.0.2.9', '127.0.0.1');
    const offered = `d6:result2:ok3:sdp${sdp.length}:${sdp}e`;
    const body = text.includes('7:command5:offer') ? offered : 'd6:result4:ponge';
    socket.send(`${cookie} ${body}`, from.port, from.address);
  });
  await new Promise<void>((bound) => socket.bind(0, '127.0.0.1', bound));
  closers.push(() => socket.close());
  return socket.address().port;
}

it('is no way in an offer, and no fault of who is called or offers late', async () => {
  const media = await worker();
  expect(await media.accept('a', SDP)).toEqual({
    ...{ ok: false, reason: 'no-way', detail: 'unreachable: 192.0.2.9' },
  });
  expect(await media.offer('b', '192.0.2.9')).toMatchObject({ reason: 'unavailable' });
});

it('is nothing the party can mend where it is the engine that mediad cannot reach', async () => {
  const inner = await worker();
  const log = { info: () => undefined, warn: () => undefined };
  const engines = [{ host: '127.0.0.1', port: await paperEngine() }];
  const media = createRtpengineMedia({ inner, engines, log, probeMs: 60_000 });
  closers.push(() => void media.close());
  expect(await media.accept('a', SDP)).toMatchObject({ ok: false, reason: 'unavailable' });
  expect(await media.offer('b', '192.0.2.9')).toMatchObject({ ok: false, reason: 'unavailable' });
});
