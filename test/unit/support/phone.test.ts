/**
 * The test phones among themselves: what a later failure blames on the product must not be theirs.
 */
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { concat, decode, encode, locate, readWav, tone, toneShare } from '../../support/audio.ts';
import { answerChallenge } from '../../support/digest.ts';
import { Phone, type PhoneOptions } from '../../support/phone.ts';
import { header, parseMessage, writeMessage } from '../../support/sip-message.ts';

const open: Phone[] = [];

async function phone(options: PhoneOptions): Promise<Phone> {
  const made = await Phone.open(options);
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.stop();
});

describe('test phones', () => {
  it.each(['udp', 'tcp'] as const)('talk over %s and hear each other', async (transport) => {
    const alice = await phone({ user: 'alice', transport });
    const bob = await phone({ user: 'bob', transport });
    const call = await alice.dial(bob.contact);
    const there = await bob.incoming();
    there.ring();
    await call.provisional(180);
    there.answer();
    await call.answered();
    await there.acked;
    call.rtp.sendTone(440);
    there.rtp.sendTone(1000);
    await there.rtp.hearTone(440);
    await call.rtp.hearTone(1000);
    await there.bye();
    expect(await call.ended).toBe('bye received');
    expect(there.end).toBe('bye sent');
  });

  it('cancel, refuse and key digits', async () => {
    const alice = await phone({ user: 'alice' });
    const bob = await phone({ user: 'bob' });
    const cancelled = await alice.dial(bob.contact);
    const ringing = await bob.incoming();
    ringing.ring();
    await cancelled.provisional();
    expect(await cancelled.cancel()).toBe(200);
    expect(await cancelled.status()).toBe(487);
    expect(await ringing.ended).toBe('cancel received');

    bob.onCall = (call) => call.busy();
    expect(await (await alice.dial(bob.contact)).status()).toBe(486);

    bob.onCall = (call) => call.answer(['PCMA']);
    const keyed = await (await alice.dial(bob.contact, { codecs: ['PCMA'] })).answered();
    await keyed.rtp.key('12#');
    await bob.history.at(-1)?.rtp.hearDigits('12#');
    await keyed.info('4', 'dtmf-relay');
    expect(bob.history.at(-1)?.requests.map((request) => request.body)).toEqual([
      'Signal=4\r\nDuration=160\r\n',
    ]);
  });
});

describe('digest', () => {
  it('gives the response of the example of RFC 2617 section 3.5 but for the client nonce', () => {
    const challenge =
      'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5c"';
    const who = { username: 'Mufasa', password: 'Circle Of Life' };
    // Without qop the answer has no random part (RFC 2069 form).
    expect(answerChallenge(challenge, 'GET', '/dir/index.html', who)).toContain(
      'response="670fd8c2df070c60b045671b8b24ff02"',
    );
  });
});

describe('messages', () => {
  it('come through writing and reading unchanged, and compact names are understood', () => {
    const text = writeMessage({
      start: 'INFO sip:a@b SIP/2.0',
      headers: [
        ['v', 'SIP/2.0/UDP x;branch=z9hG4bK1'],
        ['f', '"A, B" <sip:a@b>;tag=1'],
      ],
      body: 'ä',
    });
    const read = parseMessage(text);
    expect(read && header(read, 'From')).toBe('"A, B" <sip:a@b>;tag=1');
    expect(read && header(read, 'Content-Length')).toBe('2');
    expect(parseMessage('nonsense\r\n\r\n')).toBeNull();
  });
});

describe('audio', () => {
  it('finds a stretch of music after G.711, and says where', () => {
    const music = readWav(path.resolve(import.meta.dirname, '../../../prompts/music/default.wav'));
    const heard = decode(encode(music.subarray(100_000, 104_000), 'alaw'), 'alaw');
    const { at, score } = locate(heard, music);
    expect(at).toBe(100_000);
    expect(score).toBeGreaterThan(0.99);
    const seam = concat(music.subarray(-2_000), music.subarray(0, 2_000));
    expect(locate(seam, music, true).at).toBe(music.length - 2_000);
  });

  it.each(['ulaw', 'alaw'] as const)('encodes to the nearest value of %s', (codec) => {
    const samples = tone(440, 40, 0.9);
    const back = decode(encode(samples, codec), codec);
    const worst = samples.reduce((most, x, i) => {
      const error = Math.abs(x - (back[i] ?? 0)) / (Math.abs(x) + 128);
      return Math.max(most, error);
    }, 0);
    expect(worst).toBeLessThan(0.07);
  });

  it('tells a tone from another and from noise', () => {
    expect(toneShare(tone(440, 100), 440)).toBeGreaterThan(0.95);
    expect(toneShare(tone(440, 100), 600)).toBeLessThan(0.05);
    const noise = Int16Array.from({ length: 800 }, (_, i) => ((i * 7919) % 2000) - 1000);
    expect(toneShare(noise, 440)).toBeLessThan(0.3);
  });

  it('decodes G.711 to the values of the tables in ITU-T G.711', () => {
    expect([...decode(Uint8Array.of(0x00, 0x80, 0x7f, 0xff), 'ulaw')]).toEqual([
      -32124, 32124, 0, 0,
    ]);
    expect([...decode(Uint8Array.of(0xaa, 0x2a, 0xd5, 0x55), 'alaw')]).toEqual([
      32256, -32256, 8, -8,
    ]);
  });
});
