/** Goal: header fields are read as the RFC says, and no text makes the readers throw. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  address,
  clean,
  escapeUser,
  nameAddr,
  parseNameAddr,
  parseUri,
  splitList,
} from '../../../src/sip/headers.ts';

describe('URIs', () => {
  it.each([
    ['sip:queue1@acd', 'queue1', 'acd', null],
    ['sip:queue1@192.168.0.3:5071;transport=tcp?x=y', 'queue1', '192.168.0.3', 5071],
    ['SIPS:a:secret@Example.ORG', 'a', 'example.org', null],
    ['sip:[2001:db8::1]:5060', '', '[2001:db8::1]', 5060],
    ['sip:%2A44@h', '*44', 'h', null],
    ['sip:*442771@127.0.0.1', '*442771', '127.0.0.1', null],
    ['sip:100%@h', '100%', 'h', null],
  ])('%s', (text, user, host, port) => {
    expect(parseUri(text)).toMatchObject({ user, host, port });
  });

  it.each(['tel:+4711', 'sip:', 'sip:a@', 'sip:a@h:0', 'sip:a@h:99999', 'hello', ''])(
    'not one: %s',
    (text) => expect(parseUri(text)).toBeNull(),
  );

  it('parameters are read', () => {
    expect(parseUri('sip:a@b;transport=TCP;lr')?.params).toEqual(
      new Map([
        ['transport', 'TCP'],
        ['lr', ''],
      ]),
    );
  });
});

describe('addresses', () => {
  it.each([
    ['"Bob \\"B\\" Smith" <sip:bob@x>;tag=1', 'Bob "B" Smith', 'sip:bob@x', '1'],
    ['Bob Smith <sip:bob@x;transport=tcp>;tag=2', 'Bob Smith', 'sip:bob@x;transport=tcp', '2'],
    ['<sip:bob@x>', '', 'sip:bob@x', undefined],
    ['sip:bob@x;tag=3', '', 'sip:bob@x', '3'],
  ])('%s', (text, display, uri, tag) => {
    const parsed = parseNameAddr(text);
    expect(parsed).toMatchObject({ display, uri });
    expect(parsed?.params.get('tag')).toBe(tag);
  });

  it('lists are split where a comma separates', () => {
    expect(splitList('"a,b" <sip:x@y>, <sip:z;p="1,2"@w>,sip:q')).toEqual([
      '"a,b" <sip:x@y>',
      '<sip:z;p="1,2"@w>',
      'sip:q',
    ]);
  });

  it('what is shown and journalled is user@host', () => {
    expect(address('sip:gateway@192.168.0.3;transport=udp')).toBe('gateway@192.168.0.3');
    expect(address('sip:queue1@192.168.0.3:5071')).toBe('queue1@192.168.0.3:5071');
    expect(address('tel:+4711')).toBe('+4711');
  });
});

describe('hostile text', () => {
  it('never makes a reader throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
        parseUri(text);
        parseUri(`sip:${text}`);
        parseNameAddr(text);
        parseNameAddr(`"${text}" <sip:${text}>;${text}`);
        splitList(text);
        address(text);
      }),
    );
  });

  it('never gets a line break into a header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const written = nameAddr(`${text}\r\nX: y`, `sip:${escapeUser(text)}@h`);
        expect(written).not.toMatch(/[\r\n\u0000]/);
        expect(parseNameAddr(written)).not.toBeNull();
        expect(clean(`${text}\r\n`)).not.toMatch(/[\r\n]/);
      }),
    );
  });
});
