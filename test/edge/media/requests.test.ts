/**
 * How often the worker asks mediad: each request is a wake-up of another process, and what a call
 * waits for. mediad is played here, to see every line that reaches it.
 */
import net from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStage } from '../../support/stage.ts';
import type { Stage } from '../../support/stage.ts';
import { good, offerSdp, startWorker } from './mediad.ts';

const stage = openStage('media-requests');

interface Line {
  readonly id: number;
  readonly do: string;
  readonly leg?: string;
  readonly memo?: string;
  readonly remote?: { readonly address: string; readonly port: number } | null;
}

/** Grants everything; `lines` are the requests about legs. */
async function playMediad(on: Stage, name: string, legs: readonly object[] = []) {
  const control = path.join(on.folder, `${name}.sock`);
  const lines: Line[] = [];
  const ends = { address: '127.0.0.1', port: 30_000, peer: '127.0.0.9' };
  const server = net.createServer((socket) => {
    socket.setEncoding('utf8');
    // The worker may be gone before it has read the last answer.
    socket.on('error', () => socket.destroy());
    socket.on('data', (text) => {
      for (const line of String(text).trimEnd().split('\n')) {
        const request = JSON.parse(line) as Line;
        const isOfLeg = request.leg !== undefined;
        if (isOfLeg) lines.push(request);
        const answer = request.do === 'listen' ? { version: 1, pid: 1, legs } : isOfLeg ? ends : {};
        socket.write(`${JSON.stringify({ id: request.id, ok: true, ...answer })}\n`);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(control, resolve));
  // Closed after its client, because the stage ends its actors last first.
  await on.add({ stop: () => new Promise<void>((resolve) => server.close(() => resolve())) });
  const { worker } = await on.add(startWorker(control));
  return { worker, lines };
}

describe('given a worker at a mediad', () => {
  it('when a call is offered by address, then one request makes its leg', async () => {
    const { worker, lines } = await playMediad(stage, 'accept');
    const { sdp } = good(await worker.accept('a', offerSdp(4000)));
    expect(lines.map((line) => line.do)).toEqual(['create']);
    expect(lines[0]?.remote).toMatchObject({ address: '127.0.0.1', port: 4000 });
    expect(sdp).toContain('m=audio 30000 RTP/AVP 0 101');
  });

  it('when the offer names its host, then mediad’s answer says where he is', async () => {
    const { worker, lines } = await playMediad(stage, 'named');
    const offer = offerSdp(4000).replaceAll('127.0.0.1', 'phone.test');
    good(await worker.accept('a', offer));
    expect(lines.map((line) => line.do)).toEqual(['create', 'remote']);
    expect(lines[1]?.remote).toMatchObject({ address: '127.0.0.9', port: 4000 });
  });

  it('when we offer, then one request makes the leg, and again none', async () => {
    const { worker, lines } = await playMediad(stage, 'offer');
    const first = good(await worker.offer('b', '127.0.0.9'));
    expect(good(await worker.offer('b', '127.0.0.9'))).toEqual(first);
    expect(lines.map((line) => line.do)).toEqual(['create']);
  });

  it('when legs are made and a server starts anew, then their SDP is as it was', async () => {
    const before = await playMediad(stage, 'before');
    const accepted = good(await before.worker.accept('a', offerSdp(4000, '8 0 101')));
    const offered = good(await before.worker.offer('b', '127.0.0.9'));
    const listed = before.lines.map(({ leg, memo, remote }) => {
      const [port, address, peer] = [30_000, '127.0.0.1', '127.0.0.9'];
      return { leg, memo, remote, port, address, peer };
    });
    const after = await playMediad(stage, 'after', listed);
    expect(good(await after.worker.current('a'))).toEqual(accepted);
    expect(good(await after.worker.current('b'))).toEqual(offered);
  });
});
