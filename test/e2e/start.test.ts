/**
 * Issue 2, point 1, and "Bad input": starting, stopping, and what is said when it cannot start; and
 * hostile packets, which disturb nobody.
 */
import dgram from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  onDrachtio,
  runAcd,
  runSipd,
  startAcd,
  writeConfig,
  type AcdOptions,
} from '../support/acd.ts';
import { freePort } from '../support/ports.ts';
import { within } from '../support/inbox.ts';
import { RtpPeer, buildRtp } from '../support/rtp.ts';
import { Phone } from '../support/phone.ts';
import { openStage } from '../support/stage.ts';
import { allWell, enter, hearsMusic, logIn, phone, talk } from '../support/stories.ts';
import { encode, tone, toneShare } from '../support/audio.ts';
import { startSipp } from '../support/sipp.ts';

const stage = openStage('start');
const simple: AcdOptions = {
  queues: [{ name: 'queue1', welcome: [], timeout: 5, retry: 0.5 }],
  agents: [{ id: '2771', queues: ['queue1'] }],
};

/** Starts with a file that must be refused; gives what was said. */
async function refused(
  options: AcdOptions,
  env: Readonly<Record<string, string>> = {},
  spoil: (text: string) => string = (text) => text,
) {
  const { file, folder } = await writeConfig(stage, options);
  writeFileSync(file, spoil(readFileSync(file, 'utf8')));
  const running = await stage.addForTest(runAcd(folder, ['start', '--config', file], env));
  const { code } = await within('acd to refuse', running.ended, 30_000);
  expect(code).not.toBe(0);
  return running.output();
}

/** `host:port` of one; sipd speaks its protocol, and takes nobody without its secret. */
async function drachtioServer(): Promise<string> {
  const given = process.env['ACD_DRACHTIO'];
  if (given !== undefined) return given.split(':').slice(0, 2).join(':');
  const admin = `127.0.0.1:${await freePort()}`;
  await stage.addForTest(runSipd(stage.folder, admin, 'right'));
  return admin;
}

describe('acd start', () => {
  it('runs until Ctrl-C, then stops cleanly, ending every call', async () => {
    const acd = await stage.addForTest(startAcd(stage, simple));
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
    process.kill(acd.process.pid, 'SIGINT');
    expect(await within('BYE', call.ended)).toBe('bye received');
    expect(await within('acd to end', acd.process.ended, 20_000)).toMatchObject({ code: 0 });
  });

  it('given nobody who reads its output any more, goes on, and stops cleanly', async () => {
    const acd = await stage.addForTest(startAcd(stage, simple));
    acd.process.unread();
    process.kill(acd.process.pid, 'SIGHUP');
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
    const ended = Promise.race([acd.process.ended, sleep(2_000).then(() => 'it runs')]);
    expect(await ended).toBe('it runs');
    process.kill(acd.process.pid, 'SIGINT');
    expect(await within('BYE', call.ended)).toBe('bye received');
    expect(await within('acd to end', acd.process.ended, 20_000)).toMatchObject({ code: 0 });
  });

  it('names each mistake in the file with its line, and what may stand there', async () => {
    const said = await refused({
      queues: [{ name: 'queue1', timeout: 'soon', ringing: 'loud' }],
    });
    expect(said).toMatch(/acd\.yaml:\d+:\d+: queues\[0\]\.timeout: .*soon/);
    expect(said).toMatch(/acd\.yaml:\d+:\d+: .*ringing/);
  });

  it('names the line of what is no YAML, and a file that is not there', async () => {
    const said = await refused(simple, {}, (text) => `${text}\n  : [`);
    expect(said).toMatch(/acd\.yaml:\d+:\d+:/);
    const running = await stage.addForTest(runAcd(stage.folder, ['start', '-c', 'nowhere.yaml']));
    expect((await running.ended).code).not.toBe(0);
    expect(running.output()).toContain('nowhere.yaml');
  });

  // With a drachtio-server, ports are its own business.
  it.skipIf(onDrachtio)('names a port that is in use', async () => {
    const blocker = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => blocker.bind(0, '127.0.0.1', resolve));
    const { port } = blocker.address();
    const said = await refused({ ...simple, sip: { listen: [`udp:127.0.0.1:${port}`] } });
    blocker.close();
    expect(said).toContain(String(port));
    expect(said).toMatch(/in use/);
  });

  it('says that a drachtio-server does not take the secret', async () => {
    const said = await refused(simple, { ACD_DRACHTIO: `${await drachtioServer()}:wrong-one` });
    expect(said).toMatch(/secret/);
    expect(said).not.toMatch(/wrong-one/);
  });
});

describe('hostile packets disturb nobody', () => {
  it('RTP from a stranger is not heard', async () => {
    const acd = await stage.addForTest(startAcd(stage, simple));
    const desk = await phone(stage, 'desk');
    await logIn(acd, desk, '2771');
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
    const rung = await desk.incoming();
    rung.answer();
    await talk(call, rung);
    const stranger = await RtpPeer.open();
    const mark = rung.rtp.mark();
    const noise = encode(tone(2000, 20), 'ulaw');
    const before = call.rtp.packets.length;
    for (let n = 0; n < 100; n += 1) {
      const packet = { payloadType: 0, marker: false, seq: n, timestamp: n * 160, ssrc: 7 };
      stranger.sendRaw(buildRtp({ ...packet, payload: noise }), call.rtp.remote);
      stranger.sendRaw(Buffer.from('nonsense'), rung.rtp.remote);
    }
    const heard = await rung.rtp.hearAtLeast(8_000, mark);
    expect(toneShare(heard, 2000)).toBeLessThan(0.05);
    expect(toneShare(heard, 440)).toBeGreaterThan(0.9);
    expect(stranger.packets, 'audio was not sent to him either').toEqual([]);
    expect(call.rtp.packets.length).toBeGreaterThan(before);
    stranger.close();
    await call.bye();
    await allWell(acd);
  });

  it('nonsense on the SIP port is answered 400 or not at all, and calls go on', async () => {
    const acd = await stage.addForTest(startAcd(stage, simple));
    const call = await enter(acd, await phone(stage, 'caller'), 'queue1');
    const [host = '', port = '0'] = acd.sip.split(':');
    const vandal = await stage.addForTest(Phone.open({ user: 'vandal' }));
    const to = { host, port: Number(port) };
    for (const protocol of ['udp', 'tcp'] as const) {
      for (const text of [
        '\0\0\0\0',
        'hello\r\n\r\n',
        'INVITE sip:queue1@x SIP/2.0\r\n\r\n',
        'INVITE sip:queue1@x SIP/2.0\r\nVia: x\r\nContent-Length: -1\r\n\r\n',
        `OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP x\r\nX: ${'y'.repeat(60_000)}\r\n\r\n`,
      ]) {
        vandal.wire.sendText(text, { ...to, protocol });
      }
    }
    await hearsMusic(call.rtp);
    const second = await enter(acd, await phone(stage, 'second'), 'queue1');
    await second.bye();
    await call.bye();
    await allWell(acd);
  });
});

describe('sipp', () => {
  it('callers in a crowd are served by agents of its own, and all go home', async () => {
    const ids = Array.from({ length: 4 }, (_, index) => String(3000 + index));
    const acd = await stage.addForTest(
      startAcd(stage, {
        queues: simple.queues,
        agents: ids.map((id) => ({ id, queues: ['queue1'] })),
        sip: { presence: 'off' },
      }),
    );
    for (const id of ids) {
      const agent = await stage.addForTest(
        startSipp(stage, { scenario: 'agent_answers_and_hangs_up', calls: 1_000 }),
      );
      const login = await stage.addForTest(Phone.open({ user: `agent${id}` }));
      const uri = `<sip:agent${id}@127.0.0.1:${agent.port}>`;
      const call = await login.dial(acd.uri(`*44${id}`), { contact: uri });
      await call.answered();
      await acd.agentIs(id, 'idle');
    }
    const crowd = await stage.addForTest(
      startSipp(stage, {
        scenario: 'caller_waits',
        remote: acd.sip,
        service: 'queue1',
        calls: 20,
        rate: 10,
      }),
    );
    expect(await crowd.result).toMatchObject({ code: 0, successful: 20, failed: 0 });
    await allWell(acd);
  });
});
