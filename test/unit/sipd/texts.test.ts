/**
 * Goal: parsers take what is right in any spelling, refuse what is wrong, and never throw. Method:
 * examples from RFC 3261 and RFC 4475, and random bytes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, FrameReader } from '../../../src/sipd/drachtio-protocol.ts';
import { Framer } from '../../../src/sipd/framer.ts';
import {
  parseCSeq,
  parseNameAddr,
  parseRAck,
  parseVia,
  splitList,
  tagOf,
} from '../../../src/sipd/headers.ts';
import { MAX_FRAME_BYTES, MAX_HEADERS, MAX_MESSAGE_BYTES } from '../../../src/sipd/limits.ts';
import { header, headerValues, parseMessage } from '../../../src/sipd/message.ts';
import { parseListen, type Path } from '../../../src/sipd/path.ts';
import { admit } from '../../../src/sipd/received.ts';
import { parseUri, splitHostPort, uriParam } from '../../../src/sipd/uri.ts';

describe('messages', () => {
  it('given compact names, folding and odd spacing, then all is understood', () => {
    const message = parseMessage(
      'INVITE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFROM : <sip:a@b>;tag=1\r\n' +
        't:\t<sip:c@d>\r\ni: abc\r\nSubject: one\r\n  two\r\n\tthree\r\nCSeq: 1 INVITE\r\n' +
        'Via: SIP/2.0/UDP y\r\n\r\nbody\r\n\r\nmore',
    );
    expect(message).toMatchObject({ method: 'INVITE', uri: 'sip:a@b', fault: null });
    if (message === null) return;
    expect(header(message, 'from')).toBe('<sip:a@b>;tag=1');
    expect(header(message, 'subject')).toBe('one two three');
    expect(headerValues(message, 'via')).toEqual([
      'SIP/2.0/UDP x;branch=z9hG4bK1',
      'SIP/2.0/UDP y',
    ]);
    expect(message.text.slice(message.viaStart, message.viaEnd)).toBe(
      'v: SIP/2.0/UDP x;branch=z9hG4bK1',
    );
    expect(message.body).toBe('body\r\n\r\nmore');
  });

  it('given too much or broken headers, then a fault is named', () => {
    const of = (lines: string): string | null | undefined =>
      parseMessage(`OPTIONS sip:a SIP/2.0\r\n${lines}\r\n`)?.fault;
    expect(of('X: y\r\n'.repeat(MAX_HEADERS + 1))).toBe('too many headers');
    expect(of(`X: ${'y'.repeat(9_000)}\r\n`)).toBe('header line too long');
    expect(of('no colon\r\n')).toBe('header line without a name');
    expect(of('a b: c\r\n')).toBe('header name is no token');
    expect(of('X: a\nb\r\n')).toBe('control character in a header');
    expect(parseMessage('OPTIONS sip:a SIP/2.0\r\nX: y')?.fault).toBe('no end of headers');
    expect(parseMessage('OPTIONS sip:a\r\n\r\n')).toBeNull();
    expect(parseMessage('SIP/2.0 99 Odd\r\n\r\n')).toBeNull();
  });

  it('given any bytes, then nothing throws', () => {
    const path = { address: '192.0.2.9', port: 5060, reliable: false } as Path;
    const word = fc.constantFrom(
      'INVITE sip:a@b SIP/2.0\r\n',
      'SIP/2.0 200 OK\r\n',
      'Via: SIP/2.0/UDP h;branch=z9hG4bKx;rport\r\n',
      'From: <sip:a@b>;tag=1\r\n',
      'To: "x\\" <sip:a@b>\r\n',
      'Call-ID: 1\r\n',
      'CSeq: 1 INVITE\r\n',
      'Content-Length: 5\r\n',
      '\r\n',
      ' ',
      ':',
      ';',
      '<',
      '"',
      '[::1]',
    );
    const text = fc
      .array(fc.oneof(word, fc.string({ unit: 'binary', maxLength: 12 })), { maxLength: 20 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (one) => {
        const admission = admit(one, path, null);
        expect(['sound', 'faulty', 'hopeless']).toContain(admission.kind);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('URIs', () => {
  it('given the usual kinds, then their parts', () => {
    expect(parseUri('sip:alice:pw@Example.COM:5070;transport=tcp;lr?x=y')).toEqual({
      scheme: 'sip',
      user: 'alice:pw',
      host: 'example.com',
      port: 5070,
      params: ';transport=tcp;lr',
    });
    expect(parseUri('sips:[2001:db8::1]:5061')).toMatchObject({ host: '2001:db8::1', port: 5061 });
    expect(parseUri('sip:*44@acd')).toMatchObject({ user: '*44', host: 'acd', port: 0 });
    expect(uriParam(';transport=tcp;lr', 'lr')).toBe('');
    expect(uriParam(';lrx;Transport=TCP', 'lr')).toBeNull();
    expect(uriParam(';lrx;Transport=TCP', 'transport')).toBe('TCP');
  });

  it('given what is no SIP URI, then null', () => {
    const wrong = ['tel:+49', 'sip:', 'sip:a@b:0', 'sip:a@b:70000', 'sip:a@[::1', 'sip:a b@c', 'x'];
    expect(wrong.map(parseUri)).toEqual(wrong.map(() => null));
    expect(splitHostPort('a:b')).toBeNull();
    expect(parseListen('udp:0.0.0.0:5071')).toEqual({ proto: 'udp', host: '0.0.0.0', port: 5071 });
    expect(parseListen('tcp:[::1]:0')).toEqual({ proto: 'tcp', host: '::1', port: 0 });
    expect(parseListen('sctp:1.2.3.4:1')).toBeNull();
  });
});

describe('header values', () => {
  it('given addresses, then name, URI and tag', () => {
    expect(parseNameAddr('"A, \\"<B>\\"" <sip:a@b;x=1>;tag=t')).toEqual({
      display: '"A, \\"<B>\\""',
      uri: 'sip:a@b;x=1',
      params: ';tag=t',
    });
    expect(parseNameAddr('sip:a@b;tag=t')).toMatchObject({ uri: 'sip:a@b', params: ';tag=t' });
    expect(['', '<', '"x', '<>', 'a', '<sip:a> x'].map(parseNameAddr)).toEqual(
      Array.from({ length: 6 }, () => null),
    );
    expect(tagOf('<sip:a@b;tag=no>')).toBe('');
    expect(tagOf('sip:a@b;tag=yes')).toBe('yes');
  });

  it('given lists, then commas in quotes and brackets do not divide', () => {
    expect(splitList('"a,b" <sip:x,y@z>, <sip:c>;p="1,2" ,sip:d')).toEqual([
      '"a,b" <sip:x,y@z>',
      '<sip:c>;p="1,2"',
      'sip:d',
    ]);
  });

  it('given Via, CSeq and RAck, then parts or null', () => {
    expect(parseVia('SIP / 2.0 / tcp  [::1] : 5070 ; branch = z9')).toMatchObject({
      transport: 'TCP',
      host: '::1',
      port: 5070,
      branch: 'z9',
    });
    expect(parseVia('SIP/2.0/UDP')).toBeNull();
    expect(parseCSeq('4294967296 INVITE')).toBeNull();
    expect(parseCSeq('7  BYE')).toEqual({ seq: 7, method: 'BYE' });
    expect(parseRAck('1 2 INVITE')).toEqual({ rseq: 1, seq: 2, method: 'INVITE' });
    expect(parseRAck('1 INVITE')).toBeNull();
  });
});

describe('streams', () => {
  const one = 'OPTIONS sip:a SIP/2.0\r\nl: 4\r\n\r\nbody';

  it('given messages in any pieces, then each comes out once', () => {
    const stream = `\r\n\r\n${one}${one}\r\n\r\n${one}`;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (sizes) => {
        const framer = new Framer();
        const found = [];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          found.push(...framer.push(stream.slice(at, at + size)));
          at += size;
        }
        expect(found.map((framed) => framed.kind)).toEqual([
          'ping',
          'message',
          'message',
          'ping',
          'message',
        ]);
        expect(framer.isPartial).toBe(false);
      }),
    );
  });

  it('given contradictory, bad or huge lengths, then the stream is broken for good', () => {
    const broken = [
      'OPTIONS sip:a SIP/2.0\r\nl: 4\r\nContent-Length: 5\r\n\r\nbody',
      'OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n',
      `OPTIONS sip:a SIP/2.0\r\nContent-Length: ${MAX_MESSAGE_BYTES}\r\n\r\n`,
      'x'.repeat(MAX_MESSAGE_BYTES + 1),
    ];
    for (const text of broken) {
      const framer = new Framer();
      expect(framer.push(text).map((framed) => framed.kind)).toEqual(['broken']);
      expect(framer.push(one)).toEqual([]);
    }
  });

  it('given client frames in pieces, pipelined and large, then each comes out once', () => {
    const big = `id|sip||\r\n${'x'.repeat(200_000)}`;
    const stream = encodeFrame('a|ping') + encodeFrame(big) + encodeFrame('b|route|invite');
    const reader = new FrameReader();
    const frames = [];
    for (let at = 0; at < stream.length; at += 777) {
      const read = reader.push(stream.slice(at, at + 777));
      expect(read.ok).toBe(true);
      if (read.ok) frames.push(...read.frames);
    }
    expect(frames.map((frame) => [frame.id, frame.kind])).toEqual([
      ['a', 'ping'],
      ['id', 'sip'],
      ['b', 'route'],
    ]);
    expect(frames[1]?.sip.length).toBe(200_000);
  });

  it('given no length or one beyond the limit, then the client is refused', () => {
    for (const text of ['hello', '12a#', `${MAX_FRAME_BYTES + 1}#`, '99999999']) {
      expect(new FrameReader().push(text).ok).toBe(false);
    }
    expect(new FrameReader().push('123')).toEqual({ ok: true, frames: [] });
  });
});
