/** Offer and answer as RFC 3264 has them, case by case; and nothing a party sends may throw. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  readAnswer,
  readOffer,
  sameButOrigin,
  writeAnswer,
  writeOffer,
} from '../../../src/media/sdp.ts';

const local = { address: '192.0.2.9', port: 20_000 };
const origin = { sessionId: '77', version: 1 };
const head = ['v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0'];

function offer(...lines: string[]): string {
  return `${[...head, ...lines].join('\r\n')}\r\n`;
}

/** The m= and a= lines of our answer; or why there is none. */
function answerTo(sdp: string, isReoffer = false): string[] | string {
  const read = readOffer(sdp, isReoffer);
  if (!read.ok) return read.detail;
  const lines = writeAnswer(read.value, local, origin).trim().split('\r\n');
  return lines.filter((line) => /^[ma]=/.test(line));
}

const dtmf = (type: number) => [`a=rtpmap:${type} telephone-event/8000`, `a=fmtp:${type} 0-15`];

describe('an answer', () => {
  it('takes the first codec of the offerer that we have, and his type for digits', () => {
    const sdp = offer('m=audio 4000 RTP/AVP 9 8 0 96', ...dtmf(96));
    expect(answerTo(sdp)).toEqual([
      ...['m=audio 20000 RTP/AVP 8 96', 'a=rtpmap:8 PCMA/8000', ...dtmf(96)],
      ...['a=ptime:20', 'a=sendrecv'],
    ]);
  });

  it('has no digits where none were offered, and takes a lone static type', () => {
    expect(answerTo(offer('m=audio 4000 RTP/AVP 0'))).toEqual([
      ...['m=audio 20000 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=ptime:20', 'a=sendrecv'],
    ]);
  });

  it('knows G.711 under a dynamic type, and not a wide or stereo namesake', () => {
    const sdp = offer(
      ...['m=audio 4000 RTP/AVP 100 101 102', 'a=rtpmap:100 PCMU/16000'],
      ...['a=rtpmap:101 PCMA/8000/2', 'a=rtpmap:102 pcmu/8000/1'],
    );
    expect(answerTo(sdp)).toContain('m=audio 20000 RTP/AVP 102');
  });

  it('keeps every m= line in its place and refuses all but one audio stream', () => {
    const sdp = offer(
      ...['m=video 5000 RTP/AVP 96 97', 'm=audio 4000 RTP/SAVP 0', 'm=audio 4002 RTP/AVP 0'],
      ...['m=audio 4004 RTP/AVP 0', 'm=application 6000 UDP/BFCP *'],
    );
    const lines = answerTo(sdp);
    expect(typeof lines === 'string' ? lines : lines.filter((l) => l.startsWith('m='))).toEqual([
      ...['m=video 0 RTP/AVP 96 97', 'm=audio 0 RTP/SAVP 0', 'm=audio 20000 RTP/AVP 0'],
      ...['m=audio 0 RTP/AVP 0', 'm=application 0 UDP/BFCP *'],
    ]);
  });

  it.each([
    ['sendrecv', 'sendrecv'],
    ['sendonly', 'recvonly'],
    ['recvonly', 'sendonly'],
    ['inactive', 'inactive'],
  ])('mirrors %s as %s, in the stream or for the session', (theirs, ours) => {
    expect(answerTo(offer('m=audio 4000 RTP/AVP 0', `a=${theirs}`))).toContain(`a=${ours}`);
    expect(answerTo(offer(`a=${theirs}`, 'm=audio 4000 RTP/AVP 0'))).toContain(`a=${ours}`);
  });

  it('takes c=0.0.0.0 as the old hold', () => {
    const held = offer('m=audio 4000 RTP/AVP 0', 'c=IN IP4 0.0.0.0');
    expect(answerTo(held)).toContain('a=recvonly');
    const inactive = offer('m=audio 4000 RTP/AVP 0', 'c=IN IP4 0.0.0.0', 'a=recvonly');
    expect(answerTo(inactive)).toContain('a=inactive');
    const read = readOffer(held);
    expect(read.ok && [read.value.audio.address, read.value.reach]).toEqual([
      '0.0.0.0',
      '192.0.2.1',
    ]);
  });

  it('accepts multiplexed RTCP when it is offered', () => {
    expect(answerTo(offer('m=audio 4000 RTP/AVP 0', 'a=rtcp-mux'))).toContain('a=rtcp-mux');
  });

  it('answers a stream switched off in a re-offer in kind', () => {
    expect(answerTo(offer('m=audio 0 RTP/AVP 0'), true)).toEqual(['m=audio 0 RTP/AVP 0']);
    const both = offer('m=audio 0 RTP/AVP 0', 'm=video 0 RTP/AVP 96');
    expect(answerTo(both, true)).toEqual(['m=audio 0 RTP/AVP 0', 'm=video 0 RTP/AVP 96']);
  });

  it('takes the stream that is on where a re-offer has one that is off before it', () => {
    const sdp = offer('m=audio 0 RTP/AVP 0', 'm=audio 4000 RTP/AVP 8');
    expect(answerTo(sdp, true).slice(0, 2)).toEqual([
      ...['m=audio 0 RTP/AVP 0', 'm=audio 20000 RTP/AVP 8'],
    ]);
  });

  it('refuses to let fax take the place of audio, which then goes on', () => {
    const fax = offer('m=audio 0 RTP/AVP 0', 'm=image 4000 udptl t38');
    expect(answerTo(fax, true)).toBe('image in place of audio is not supported');
    expect(answerTo(offer('m=image 4000 udptl t38'), true)).toBe('no audio stream');
  });

  it('is for IPv6 where we are', () => {
    const sdp = offer('m=audio 9 RTP/AVP 0').replaceAll('IP4 192.0.2.1', 'IP6 2001:db8::7');
    const read = readOffer(sdp);
    expect(read.ok && read.value.audio.address).toBe('2001:db8::7');
    if (!read.ok) return;
    const text = writeAnswer(read.value, { address: '2001:db8::9', port: 20_000 }, origin);
    expect(text).toContain('c=IN IP6 2001:db8::9\r\n');
  });
});

describe('an offer that is refused', () => {
  it.each([
    ['a body that is not SDP', 'hello', /not SDP/],
    ['no m= line', offer(), /no m= line/],
    ['no audio', offer('m=video 4000 RTP/AVP 96'), /no audio/],
    ['no codec of ours', offer('m=audio 4000 RTP/AVP 9 18'), /no G.711/],
    [
      'a type renamed to something else',
      offer('m=audio 4000 RTP/AVP 0', 'a=rtpmap:0 X/8000'),
      /711/,
    ],
    ['encrypted only', offer('m=audio 4000 RTP/SAVP 0'), /not plain RTP/],
    ['switched off from the start', offer('m=audio 0 RTP/AVP 0'), /switched off/],
    ['an impossible port', offer('m=audio 70000 RTP/AVP 0'), /bad port/],
    ['a group address', offer('m=audio 4000 RTP/AVP 0', 'c=IN IP4 239.1.1.1/8'), /multicast/],
    ['no address', 'v=0\r\no=- 1 1 IN IP4 x\r\ns=-\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n', /no c=/],
    ['far too long', `v=0\r\n${'a=x\r\n'.repeat(5000)}`, /larger/],
    ['too many streams', offer(...Array<string>(17).fill('m=audio 4000 RTP/AVP 0')), /more than/],
  ])('has %s', (_what, sdp, why) => {
    expect(answerTo(sdp)).toMatch(why);
  });

  it('never makes us throw, whatever is in its lines', () => {
    const value = fc.oneof(
      fc.string(),
      fc.nat().map(String),
      fc.constantFrom('audio', '0', 'IN IP4'),
    );
    const line = fc
      .tuple(
        fc.constantFrom('m=audio ', 'a=rtpmap:', 'a=', 'c=', 'a=rtcp:', 'o=', 'x'),
        value,
        value,
      )
      .map(([start, a, b]) => `${start}${a} ${b}`);
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        answerTo(offer(...lines, 'm=audio 4000 RTP/AVP 0', ...lines));
      }),
    );
  });
});

describe('the party’s facts', () => {
  it('say where its RTCP goes', () => {
    const rtcpOf = (...lines: string[]) => {
      const read = readOffer(offer('m=audio 4000 RTP/AVP 0', ...lines));
      return read.ok ? read.value.audio.rtcpPort : null;
    };
    expect(rtcpOf()).toBe(4001);
    expect(rtcpOf('a=rtcp:4711 IN IP4 192.0.2.1')).toBe(4711);
    expect(rtcpOf('a=rtcp:4711', 'a=rtcp-mux')).toBe(4000);
  });

  it('come from an answer to our offer too', () => {
    const ours = writeOffer(local, origin);
    expect(ours).toContain('m=audio 20000 RTP/AVP 0 8 101\r\n');
    const read = readAnswer(offer('m=audio 4000 RTP/AVP 8 101', ...dtmf(101)));
    expect(read).toEqual({
      ok: true,
      value: {
        ...{ address: '192.0.2.1', port: 4000, rtcpPort: 4001, direction: 'sendrecv', dtmf: 101 },
        codecs: [{ payloadType: 8, codec: 'PCMA' }],
      },
    });
    expect(readAnswer(offer('m=audio 0 RTP/AVP 0')).ok).toBe(false);
  });
});

it('two descriptions that differ only in o= are the same session', () => {
  const first = writeOffer(local, origin);
  expect(sameButOrigin(first, writeOffer(local, { ...origin, version: 2 }))).toBe(true);
  expect(sameButOrigin(first, writeOffer({ ...local, port: 20_002 }, origin))).toBe(false);
});
