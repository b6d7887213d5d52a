/**
 * Goal: the server finds the other processes by the environment or the configuration, and says
 * what is missing. Method: environments in, endpoints out.
 */
import { describe, expect, it } from 'vitest';
import {
  chooseDrachtio,
  mediadPorts,
  readDrachtio,
  readEndpoints,
  rtpenginePorts,
  writeEndpoints,
} from '../../../src/config/endpoints.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { AcdConfig } from '../../../src/config/types.ts';

function config(text = ''): AcdConfig {
  const result = parseConfig(text, { env: {}, folder: '/' });
  if (!result.ok) throw new Error('bad test configuration');
  return result.config;
}

describe('endpoints', () => {
  it.each([
    ['127.0.0.1:9022:cymru', { host: '127.0.0.1', port: 9022, secret: 'cymru' }],
    ['[::1]:9022:a:b', { host: '::1', port: 9022, secret: 'a:b' }],
    ['host:99999:x', null],
    ['host:0:x', null],
    ['host:9022', null],
    ['9022:x', null],
  ])('ACD_DRACHTIO=%s', (written, expected) => {
    expect(readDrachtio(written)).toEqual(expected);
  });

  it('the environment goes before the configuration', () => {
    const made = config('sip: {drachtio: {host: a, port: 1, secret: s}}');
    expect(chooseDrachtio({}, made)).toEqual({ drachtio: { host: 'a', port: 1, secret: 's' } });
    expect(chooseDrachtio({ ACD_DRACHTIO: 'b:2:t' }, made)).toEqual({
      drachtio: { host: 'b', port: 2, secret: 't' },
    });
    expect(chooseDrachtio({ ACD_DRACHTIO: 'b' }, made)).toHaveProperty('wrong');
    expect(chooseDrachtio({}, config())).toEqual({ drachtio: null });
  });

  it('what the supervisor writes the server reads', () => {
    const endpoints = {
      drachtio: { host: '::1', port: 9022, secret: 'x:y' },
      mediad: '/tmp/acd-1/mediad.sock',
      rtpengines: ['127.0.0.1:22222', '[::1]:22223'],
    };
    const read = readEndpoints(writeEndpoints(endpoints), config());
    expect(read).toEqual({ ok: true, endpoints });
  });

  it.each([
    [{}, /sip\.drachtio or ACD_DRACHTIO/],
    [{ ACD_DRACHTIO: 'x' }, /host:port:secret/],
    [{ ACD_DRACHTIO: 'h:1:s' }, /ACD_MEDIAD is not set/],
  ])('given %j says what is missing', (env, expected) => {
    const read = readEndpoints(env, config());
    expect(read.ok ? '' : read.detail).toMatch(expected);
  });
});

describe('RTP ports', () => {
  it('are mediad’s alone without rtpengine', () => {
    const { media } = config('media: {ports: 20000-29999, address: 10.0.0.1}');
    expect(mediadPorts(media)).toEqual({ host: '10.0.0.1', min: 20_000, max: 29_999 });
  });

  it('are halved with rtpengine, and do not overlap', () => {
    const { media } = config('media: {ports: 20000-29999, engine: rtpengine}');
    expect(rtpenginePorts(media)).toEqual({ min: 20_000, max: 24_999 });
    expect(mediadPorts(media)).toEqual({ host: '127.0.0.1', min: 25_000, max: 29_999 });
  });

  it('given an rtpengine on another machine, mediad is where that reaches it', () => {
    const { media } = config('media: {engine: rtpengine, rtpengine: [10.0.0.7]}');
    expect(mediadPorts(media).host).toBe('0.0.0.0');
  });
});
