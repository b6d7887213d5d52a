/**
 * Goal: what is asked of rtpengine fits the party. Method: SDP in, parameters out. Which SDP comes
 * of the parameters is for the tests on a real rtpengine to say.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  answersOffer,
  backTowards,
  offerTowards,
  readParty,
  towardsMediad,
  versioned,
} from '../../../src/media/rtpengine-party.ts';

function sdp(formats: string, extra: readonly string[] = [], protocol = 'RTP/AVP', port = 9000) {
  const head = ['v=0', 'o=- 7 3 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];
  return [...head, `m=audio ${port} ${protocol} ${formats}`, ...extra, ''].join('\r\n');
}

function party(...args: Parameters<typeof sdp>) {
  const read = readParty(sdp(...args));
  if (read === null) throw new Error('no party');
  return read;
}

const opus = ['a=rtpmap:111 opus/48000/2', 'a=rtpmap:101 telephone-event/8000'];
const browser = ['a=ice-ufrag:abcd', 'a=fingerprint:sha-256 00:11', 'a=setup:actpass'];

describe('a party', () => {
  it.each([
    ['0 8 101', [], ['pcmu', 'pcma']],
    ['9 18 13', [], ['g722', 'g729']],
    ['111 101', opus, ['opus/48000']],
    ['96 0', ['a=rtpmap:96 PCMU/16000'], ['pcmu/16000', 'pcmu']],
  ])('given formats %s, its codecs are read in order', (formats, extra, codecs) => {
    expect(party(formats, extra).codecs).toEqual(codecs);
  });

  it.each([
    ['nothing', ''],
    ['no SDP', 'hello'],
    ['only events', sdp('101', ['a=rtpmap:101 telephone-event/8000'])],
    ['audio switched off', sdp('0', [], 'RTP/AVP', 0)],
    ['a format without a name', sdp('120')],
    ['a body beyond all measure', sdp('0', Array(3000).fill('a=x:y'))],
  ])('given %s, there is none', (_, text) => {
    expect(readParty(text)).toBeNull();
  });

  it('given audio switched off in a re-offer, it is one', () => {
    expect(readParty(sdp('0', [], 'RTP/AVP', 0), true)).toMatchObject({ off: true });
    const fax = `${sdp('0', [], 'RTP/AVP', 0)}m=image 4000 udptl t38\r\n`;
    expect(readParty(fax, true)).toBeNull();
  });

  it('given anything at all, reading does not throw', () => {
    const line = fc.oneof(fc.string(), fc.constantFrom(...sdp('111 0', opus).split('\r\n')));
    const text = fc.oneof(
      fc.string(),
      fc.array(line).map((lines) => lines.join('\r\n')),
    );
    fc.assert(fc.property(text, (body) => void readParty(body)));
  });

  it.each([
    ['port', sdp('0', [], 'RTP/AVP', 9002)],
    ['direction', sdp('0', ['a=sendonly'])],
    ['codec', sdp('8')],
    ['key', sdp('0', ['a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc'])],
    ['ICE user', sdp('0', ['a=ice-ufrag:zz'])],
  ])('given another %s, its essence is another', (_, text) => {
    expect(readParty(text)?.essence).not.toBe(party('0').essence);
  });

  it('given other formats behind the first and another version, its essence is the same', () => {
    const again = readParty(sdp('0 8 9').replace('o=- 7 3', 'o=- 7 4'));
    expect(again?.essence).toBe(party('0').essence);
  });
});

describe('what is asked of rtpengine', () => {
  it('given G.711 among the codecs, nothing is transcoded', () => {
    const { codec } = towardsMediad(party('9 0'), sdp('9 0'), false);
    expect(codec).toEqual({ strip: ['all'], offer: ['PCMU', 'PCMA', 'telephone-event'] });
  });

  it('given none of it, PCMU is added for mediad, the rest kept for the answer', () => {
    const { codec } = towardsMediad(party('9'), sdp('9'), false);
    expect(codec).toMatchObject({ mask: ['all'], transcode: ['PCMU'] });
  });

  it('given a browser, it is answered with ICE and DTLS, and mediad sees neither', () => {
    const read = party('0', browser, 'UDP/TLS/RTP/SAVPF');
    const plain = { 'transport protocol': 'RTP/AVP', ICE: 'remove', DTLS: 'off' };
    const offer = sdp('0', browser, 'UDP/TLS/RTP/SAVPF');
    expect(towardsMediad(read, offer, false)).toMatchObject(plain);
    expect(towardsMediad(read, offer, false)['sdp']).toContain('a=setup:active');
    expect(backTowards(read, sdp('0'), false)).toMatchObject({ ICE: 'force', DTLS: 'passive' });
    const again = { 'transport protocol': 'UDP/TLS/RTP/SAVPF', ICE: 'force' };
    expect(offerTowards(read, sdp('0'), false)).toMatchObject(again);
  });

  it('given a plain phone, no ICE and no DTLS come back', () => {
    expect(backTowards(party('0'), sdp('0'), false)).toMatchObject({ ICE: 'remove' });
    expect(backTowards(party('0'), sdp('0'), false)).not.toHaveProperty('DTLS');
  });

  it('given an answer with a codec that was not offered, it is none', () => {
    expect(answersOffer(party('9 18'), sdp('9'))).toBe(true);
    expect(answersOffer(party('9 18'), sdp('0'))).toBe(false);
    expect(answersOffer(party('9 18'), sdp('9', [], 'RTP/AVP', 0))).toBe(false);
  });
});

describe('the version of our SDP', () => {
  const version = (text: string) => Number(/^o=- 7 (\d+) /m.exec(text)?.[1]);

  it('given no change, our SDP is the same to the letter', () => {
    const first = versioned(sdp('0'), null);
    expect(versioned(sdp('0').replace('o=- 7 3', 'o=- 7 9'), first)).toBe(first);
  });

  it('given changes within one second, it grows with each', () => {
    const first = versioned(sdp('0'), null);
    const second = versioned(sdp('8'), first);
    const third = versioned(sdp('0'), second);
    expect(version(second)).toBeGreaterThan(version(first));
    expect(version(third)).toBeGreaterThan(version(second));
  });
});
