/**
 * Goal: acd.yaml is taken as a whole or not at all, and every mistake is named with its line and
 * what to do. Method: small texts through parseConfig; the fault lines are compared whole.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadConfig, parseConfig, writeFault } from '../../../src/config/load.ts';
import { writeReference } from '../../../src/config/reference.ts';
import type { AcdConfig } from '../../../src/config/types.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const sounds = { prompts: new Set(['queue-welcome', 'queue-periodic-announce', 'bye']) };
const options = {
  env: { SECRET: 's3cret', EMPTY: '' },
  folder: '/etc/acd',
  sounds: { ...sounds, music: new Set(['default', 'jazz']) },
};

function faults(text: string): string[] {
  const result = parseConfig(text, options);
  return result.ok ? [] : result.faults.map((fault) => writeFault('acd.yaml', fault));
}

function faultsOnDisk(text: string): string[] {
  const hasFile = (file: string) => file === '/srv/there.wav';
  const result = parseConfig(text, { ...options, sounds: { ...options.sounds, hasFile } });
  return result.ok ? [] : result.faults.map((fault) => writeFault('acd.yaml', fault));
}

function config(text: string): AcdConfig {
  const result = parseConfig(text, options);
  if (!result.ok) throw new Error(result.faults.map((fault) => fault.message).join('\n'));
  return result.config;
}

describe('a prompt by the path of its file', () => {
  const text = [
    'queues:',
    '  - name: q',
    '    welcome: [/srv/there.wav, /srv/gone.wav]',
    '    failover: {timeout: ["prompt:/srv/away.wav"]}',
  ].join('\n');

  it('is taken as it is, or, where the disk is looked at, must be there', () => {
    expect(faults(text)).toEqual([]);
    expect(faultsOnDisk(text)).toEqual([
      expect.stringMatching(/^acd\.yaml:3:31: queues\[0\]\.welcome\[1\]: there is no file/),
      expect.stringMatching(
        /^acd\.yaml:4:26: .*: there is no file \/srv\/away\.wav; copy it there/,
      ),
    ]);
  });
});

describe('a configuration that is right', () => {
  it('given nothing, has every standard value', () => {
    const empty = config('');
    expect(empty.sip.listen).toEqual([
      { protocol: 'udp', host: '0.0.0.0', port: 5071 },
      { protocol: 'tcp', host: '0.0.0.0', port: 5071 },
    ]);
    expect(empty.http).toMatchObject({ host: '127.0.0.1', port: 8242, tokens: [], tls: null });
    expect(empty.sip.loginUsers).toEqual(['acdlogin', '*44']);
    expect(empty.core).toEqual({
      queues: [],
      agents: [],
      secondLogin: 'refuse',
      maxCalls: 2000,
      idleClock: { login: true, wrapup: true, pause: false, ownCall: false, missed: false },
      outbound: { ringMs: 30_000, dialMs: 60_000, toneMs: 5_000 },
    });
    expect(empty.journal.path).toBe('/etc/acd/data/journal.db');
    expect(empty.sip.store).toBe('/etc/acd/data/journal.db.sipd');
    expect(empty.drain).toEqual({ limitMs: 300_000, redirect: null });
    expect(empty.takeoverWaitMs).toBe(60_000);
    expect(empty.takeoverSpare).toBe(true);
    expect(empty.takeoverHungMs).toBe(10_000);
  });

  it('given the repository’s own file, has its queues, agents and PIN', () => {
    const result = loadConfig(path.join(root, 'acd.yaml'), { env: {} });
    expect(result.ok).toBe(true);
    if (!result.ok) return;
    expect(result.config.core.queues.map((queue) => queue.name)).toEqual([
      'queue1',
      'queue2',
      'queue3',
    ]);
    expect(result.config.core.agents.map((agent) => agent.id)).toEqual(['2771', '2772', '2773']);
    expect([...result.config.pins.keys()]).toEqual(['2773']);
    expect(result.config.sip.register).toEqual([]);
  });

  it('given the commented choices of the repository’s file, takes them too', () => {
    const text = readFileSync(path.join(root, 'acd.yaml'), 'utf8');
    const block = /# {3}- name: pbx[\s\S]*?# {5}# presence/.exec(text)?.[0] ?? '';
    const yaml = block
      .split('\n')
      .map((line) => line.replace(/^\s*# /, '').replace(/^(\s*)# /, '$1'))
      .filter((line) => !line.trim().startsWith('#') && !line.includes('login call'))
      .join('\n');
    expect(yaml).toContain('registrar');
    const indented = yaml.replace(/^/gm, '  ').replace('${PBX_PASSWORD}', 'x');
    expect(faults(`sip:\n  register:\n${indented.replace(/^.*presence.*$/m, '')}`)).toEqual([]);
  });

  it('turns seconds into milliseconds, and keeps the zeros of ids and PINs', () => {
    const made = config(`
queues:
  - name: queue1
    timeout: 2.5
    periodic-announce-frequency: 45
    welcome: []
    musicclass: jazz
agents:
  - id: 0042
    pin: 0007
    queues: queue1
`);
    expect(made.core.queues[0]).toMatchObject({ timeoutMs: 2500, periodicAnnounceMs: 45_000 });
    expect(made.queues[0]).toEqual({
      name: 'queue1',
      welcome: [],
      musicClass: 'jazz',
      periodicAnnounce: ['queue-periodic-announce'],
    });
    expect(made.core.agents).toEqual([{ id: '0042', name: '', queues: ['queue1'] }]);
    expect(made.pins.get('0042')).toBe('0007');
  });

  it('takes secrets from the environment, and a literal ${ when it is doubled', () => {
    const made = config(`
sip:
  register:
    - name: pbx
      registrar: sip:pbx.example:5080;transport=tcp
      username: acd
      password: \${SECRET}
    - {name: two, registrar: "sip:[fd00::2]", username: acd, password: "a$\${b}"}
`);
    expect(made.sip.register[0]).toMatchObject({
      password: 's3cret',
      domain: 'pbx.example',
      authUsername: 'acd',
      expiresMs: 3_600_000,
    });
    expect(made.sip.register[1]).toMatchObject({ password: 'a${b}', domain: '[fd00::2]' });
  });

  it.each([
    ['5080', ['udp 0.0.0.0 5080', 'tcp 0.0.0.0 5080']],
    ['udp:5080', ['udp 0.0.0.0 5080']],
    ['"tcp:[::1]:5080"', ['tcp ::1 5080']],
    ['"[::]:5080"', ['udp :: 5080', 'tcp :: 5080']],
    ['[udp:127.0.0.1:0, udp:127.0.0.1:0]', ['udp 127.0.0.1 0', 'udp 127.0.0.1 0']],
  ])('understands listen: %s', (written, expected) => {
    const made = config(`sip: {listen: ${written}}`).sip.listen;
    expect(made.map(({ protocol, host, port }) => `${protocol} ${host} ${port}`)).toEqual(expected);
  });

  it('follows YAML anchors', () => {
    const made = config(`
agents:
  - id: 1
    queues: &both [queue1, queue2]
  - id: 2
    queues: *both
queues: [{name: queue1}, {name: queue2}]
`);
    expect(made.core.agents[1]?.queues).toEqual(['queue1', 'queue2']);
  });
});

describe('a value out of a file that the environment names', () => {
  it('is what is in it, though the file is gone later; one that cannot be read is told', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'acd-secret-'));
    const file = path.join(folder, 'pbx');
    const text =
      'sip: {register: [{name: p, registrar: "sip:x", username: u, password: "${PBX}"}]}';
    const env = { PBX_FILE: file };
    const told = () => {
      const result = parseConfig(text, { ...options, env });
      const [fault] = result.ok ? [] : result.faults;
      return result.ok ? result.config.sip.register[0]?.password : fault?.message;
    };
    expect(told()).toBe(
      'takes ${PBX} from the file of PBX_FILE, which cannot be read (ENOENT); ' +
        'set it before starting, or write the value here',
    );
    writeFileSync(file, '\n');
    expect(told()).toContain('from the file of PBX_FILE, which is empty');
    writeFileSync(file, 'of the file\n');
    expect(told()).toBe('of the file');
    writeFileSync(file, 'a new one');
    expect(told()).toBe('a new one');
    rmSync(folder, { recursive: true });
    expect(told()).toBe('a new one');
    Object.assign(env, { PBX: 'of the environment' });
    expect(told()).toBe('of the environment');
  });
});

describe('a configuration that is wrong', () => {
  it.each([
    [
      'unknown section',
      'sipp: {}',
      ['acd.yaml:1:1: sipp: is not an option here; did you mean `sip`?'],
    ],
    [
      'unknown key with nothing near',
      'http: {colour: red}',
      [
        'acd.yaml:1:8: http.colour: is not an option here; ' +
          'the options are: listen, tokens, tls, rate-limit',
      ],
    ],
    [
      'known queues.conf option of a later version',
      'queues:\n  - name: q\n    reportholdtime: yes',
      [
        'acd.yaml:3:5: queues[0].reportholdtime: is an option of queues.conf that this version ' +
          'does not have; remove the line',
      ],
    ],
    [
      'word that is none of those to choose from',
      'sip: {presence: sometimes}',
      [
        'acd.yaml:1:17: sip.presence: "sometimes" is not one of: auto, required, off; ' +
          'choose one of them',
      ],
    ],
    [
      'impossible duration',
      'queues: [{name: q, timeout: -1}]',
      [
        'acd.yaml:1:29: queues[0].timeout: "-1" cannot be used; ' +
          'give seconds from 0.5 to 600, as 15',
      ],
    ],
    [
      'port out of range',
      'sip:\n  listen: udp:0.0.0.0:99999',
      [
        'acd.yaml:2:11: sip.listen[0]: "udp:0.0.0.0:99999" is no place to listen; ' +
          'write udp:0.0.0.0:5071, or a port',
      ],
    ],
    [
      'port without a colon',
      'sip:\n  listen: udp:[::1]5071',
      [
        'acd.yaml:2:11: sip.listen[0]: "udp:[::1]5071" is no place to listen; ' +
          'write udp:0.0.0.0:5071, or a port',
      ],
    ],
    [
      'registrar that is no SIP URI',
      'sip:\n  register:\n    - {name: p, registrar: "http://x", username: u, password: p}',
      [
        'acd.yaml:3:28: sip.register[0].registrar: "http://x" names no registrar; ' +
          'write sip:host, sip:host:port or sip:host;transport=tcp',
      ],
    ],
    [
      'missing key',
      'queues:\n  - timeout: 3',
      ['acd.yaml:2:5: queues[0].name: is missing; add `name: queue1`'],
    ],
    [
      'queue twice',
      'queues:\n  - name: q\n  - name: q',
      ['acd.yaml:3:11: queues[1].name: queue "q" is there already on line 2; give it another'],
    ],
    [
      'agent twice, written differently',
      'agents: [{id: 1}, {id: "1"}]',
      ['acd.yaml:1:24: agents[1].id: agent "1" is there already on line 1; give it another'],
    ],
    [
      'agent in a queue that is not there',
      'queues: [{name: queue1}]\nagents:\n  - {id: 1, queues: [queeu1]}',
      ['acd.yaml:3:22: agents[0].queues[0]: there is no queue "queeu1"; did you mean "queue1"?'],
    ],
    [
      'prompt that is not there',
      'queues: [{name: q, welcome: [hello-all]}]',
      [
        'acd.yaml:1:30: queues[0].welcome[0]: there is no prompt "hello-all"; ' +
          'there are: queue-welcome, queue-periodic-announce, bye',
      ],
    ],
    [
      'secret that is not set, told once',
      'sip: {register: [{name: p, registrar: "sip:x", username: u, password: "${EMPTY}"}]}',
      [
        'acd.yaml:1:71: sip.register[0].password: takes ${EMPTY} from the environment, where it ' +
          'is not set; set it before starting, or write the value here',
      ],
    ],
    [
      'queue with the name of a login code',
      'queues: [{name: acdlogin}]',
      [
        'acd.yaml:1:17: queues[0].name: "acdlogin" is dialled to log in or out; ' +
          'name the queue otherwise',
      ],
    ],
    [
      'SIP port within the RTP ports',
      'sip: {listen: udp:0.0.0.0:20010}',
      ['acd.yaml:1:15: sip.listen[0]: UDP port 20010 lies within media.ports; move one of them'],
    ],
    [
      'same place twice',
      'sip: {listen: [5071, udp:0.0.0.0:5071]}',
      ['acd.yaml:1:22: sip.listen[1]: udp:0.0.0.0:5071 stands here twice; keep one'],
    ],
    [
      'section that is a value',
      'http: 8242',
      ['acd.yaml:1:7: http: must be a section of its own; write its options below it, indented'],
    ],
    [
      'value that is a section',
      'log: {level: {a: b}}',
      ['acd.yaml:1:14: log.level: must be a single value; write it on one line, without brackets'],
    ],
    [
      'list that is a section',
      'queues: {queue1: {}}',
      ['acd.yaml:1:9: queues: must be a list; write each entry as `- …`'],
    ],
    [
      'same key twice',
      'http: {}\nhttp: {}',
      ['acd.yaml:2:1: the same key stands twice here; keep one'],
    ],
    [
      'two documents',
      'http: {}\n---\nlog: {}',
      ['acd.yaml:2:1: a second document begins here (`---`); keep one'],
    ],
    [
      'agent id with letters',
      'agents: [{id: 27a}]',
      ['acd.yaml:1:15: agents[0].id: "27a" cannot be keyed on a phone; take 1 to 16 digits'],
    ],
    [
      'text in place of a map',
      'hello',
      ['acd.yaml:1:1: must be a section of its own; write its options below it, indented'],
    ],
  ])('names: %s', (_name, text, expected) => {
    expect(faults(text)).toEqual(expected);
  });

  it('names all faults at once, in the order of the file', () => {
    const told = faults(
      'http: {lisen: x}\nqueues:\n  - {name: "a b", retry: 0}\nlog: {level: loud}',
    );
    expect(told.map((line) => line.split(' ')[0])).toEqual([
      'acd.yaml:1:8:',
      'acd.yaml:3:12:',
      'acd.yaml:3:26:',
      'acd.yaml:4:14:',
    ]);
  });

  it('never repeats a secret', () => {
    const told = faults(
      'agents: [{id: 1, pin: hunter2}]\nsip: {drachtio: {host: x, secret: [hunter2]}}',
    );
    expect(told).toHaveLength(2);
    expect(told.join()).not.toContain('hunter2');
  });

  it('tells of broken YAML with its line', () => {
    expect(faults('queues:\n  - name: q\n   timeout: 3')[0]).toMatch(
      /^acd\.yaml:3:\d+: .*mend the YAML/,
    );
  });

  it('given a file that is not there, says so', () => {
    const result = loadConfig('/nowhere/acd.yaml', { env: {} });
    expect(result.ok ? [] : result.faults.map((fault) => fault.message)).toEqual([
      'there is no such file; name one with --config FILE',
    ]);
  });

  it('given a file in another encoding, names the place instead of guessing', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'acd-config-'));
    const told = (bytes: Buffer): string[] => {
      const file = path.join(folder, 'acd.yaml');
      writeFileSync(file, bytes);
      const result = loadConfig(file, { env: {} });
      return result.ok ? [] : result.faults.map((fault) => writeFault('acd.yaml', fault));
    };
    const why = 'is not text in UTF-8 from here on; save the file in that encoding';
    const text = 'queues:\n  - name: q1 # caf\u00e9\n';
    expect(told(Buffer.from(text, 'latin1'))).toEqual([`acd.yaml:2:19: ${why}`]);
    expect(told(Buffer.from(`\ufeff${text}`, 'utf16le'))).toEqual([`acd.yaml:1:1: ${why}`]);
    expect(told(Buffer.from('log: {}\n\0'))).toEqual([`acd.yaml:2:1: ${why}`]);
    expect(told(Buffer.from(`\ufeff${text.replaceAll('\n', '\r\n')}`))).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('is never an exception, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'grapheme', maxLength: 200 }),
          fc
            .array(
              fc.constantFrom(...'{}[]:-,&*!|>"\'#%@ \n', 'a', 'queues', 'name', '<<', '__proto__'),
              { maxLength: 60 },
            )
            .map((parts) => parts.join('')),
        ),
        (text) => {
          const result = parseConfig(text, options);
          expect(result.ok || result.faults.length > 0).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('ends with a fault on aliases that multiply', () => {
    const levels = Array.from({ length: 9 }, (_, index) =>
      index === 0
        ? 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]'
        : `a${index}: &a${index} [${Array.from({ length: 10 }, () => `*a${index - 1}`).join(',')}]`,
    );
    expect(faults(levels.join('\n')).join('\n')).toContain('too deep or too large');
  });
});

describe('the reference', () => {
  it('is what docs/CONFIGURATION.md says', () => {
    // Out of date? `npm run docs` writes it anew.
    const file = path.join(root, 'docs/CONFIGURATION.md');
    expect(readFileSync(file, 'utf8')).toBe(writeReference());
  });
});
