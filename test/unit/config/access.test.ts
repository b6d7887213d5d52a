/**
 * Goal: REST is open to nobody by mistake: a configuration that would let strangers in, or whose
 * tokens or certificate cannot be used, is refused with its line, and no secret is in what is told.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hashOf } from '../../../src/config/http-access.ts';
import { parseConfig, writeFault } from '../../../src/config/load.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'acd-access-'));
afterAll(() => rmSync(folder, { recursive: true }));
const TOKEN = 'a-token-of-some-length-0123';
writeFileSync(path.join(folder, 'token'), `${TOKEN}\n`);
writeFileSync(path.join(folder, 'short'), 'hunter2\n');
const tls = path.resolve(import.meta.dirname, '../../fixtures/tls');
const env = { TOKEN, SHORT: 'hunter2' };
const hash = hashOf(TOKEN);

function read(text: string) {
  return parseConfig(text, { env, folder });
}

function faults(text: string): string[] {
  const result = read(text);
  return result.ok ? [] : result.faults.map((fault) => writeFault('acd.yaml', fault));
}

const http = (...lines: string[]) => ['http:', ...lines.map((line) => `  ${line}`)].join('\n');
const one = (entry: string) => http(`tokens: [{${entry}}]`);

describe('http.listen', () => {
  it.each(['0.0.0.0:8242', '192.168.0.5:8242', '"[::]:8242"', 'acd.example.com:8242'])(
    'beyond this machine needs a token: %s',
    (listen) => {
      const [fault = '', ...others] = faults(http(`listen: ${listen}`));
      expect(others).toEqual([]);
      expect(fault).toMatch(/^acd\.yaml:2:11: http\.listen: .* is beyond this machine/);
      expect(fault).toContain('acd token NAME');
      const named = http(`listen: ${listen}`, `tokens: [{name: a, role: admin, hash: "${hash}"}]`);
      expect(faults(named)).toEqual([]);
    },
  );

  it.each(['8242', '127.0.0.1:8242', '127.8.8.8:1', 'localhost:8242', '"[::1]:8242"'])(
    'on this machine needs none: %s',
    (listen) => {
      expect(faults(http(`listen: ${listen}`))).toEqual([]);
    },
  );
});

describe('http.tokens', () => {
  it('is the same by its hash, from the environment and from a file; only the hash is kept', () => {
    for (const from of [`hash: "${hash}"`, 'token: "${TOKEN}"', 'file: token']) {
      const result = read(one(`name: a, role: supervisor, queues: [sales], ${from}`));
      expect(result.ok && result.config.http.tokens).toEqual([
        { name: 'a', role: 'supervisor', hash, queues: ['sales'], agent: null, expiresAt: null },
      ]);
      expect(JSON.stringify(result)).not.toContain(TOKEN);
    }
  });

  it.each([
    ['no secret', 'name: a, role: admin', 'must have one of hash, token and file'],
    ['two', `name: a, role: admin, file: token, hash: "${hash}"`, 'must have one of hash'],
    ['a hash that is none', 'name: a, role: admin, hash: hunter2', 'must be sha256:'],
    ['a short token', 'name: a, role: admin, token: "${SHORT}"', 'must have 20 printable'],
    ['a short token in a file', 'name: a, role: admin, file: short', 'must have 20 printable'],
    ['no such file', 'name: a, role: admin, file: nowhere', 'nowhere cannot be read (ENOENT)'],
    ['another role', 'name: a, role: boss, file: token', '"boss" is not one of: metrics'],
    ['an agent without one', 'name: a, role: agent, file: token', 'names no agent'],
    ['an agent for others', 'name: a, role: admin, agent: 1, file: token', 'is no agent’s'],
    ['an admin of a queue', 'name: a, role: admin, queues: [x], file: token', 'not of some queues'],
    ['no date', 'name: a, role: admin, expires: soon, file: token', '"soon" is no date'],
  ])('given %s, says what to do and no secret', (_name, entry, expected) => {
    const told = faults(one(entry)).join('\n');
    expect(told).toMatch(/^acd\.yaml:2:\d+: http\.tokens\[0\]/);
    expect(told).toContain(expected);
    expect(told).not.toContain('hunter2');
  });

  it('given one token or one name twice, names the other', () => {
    const twice = (first: string, second: string) =>
      faults(http(`tokens: [{${first}}, {${second}}]`)).join('\n');
    const same = twice(
      'name: a, role: admin, file: token',
      `name: b, role: admin, hash: "${hash}"`,
    );
    expect(same).toContain('is the same token as "a"');
    const named = twice(
      'name: a, role: admin, file: token',
      `name: a, role: admin, hash: "${hashOf('x')}"`,
    );
    expect(named).toContain('token "a" is there already');
  });

  it('a day counts to its end', () => {
    const result = read(one('name: a, role: admin, file: token, expires: 2027-01-31'));
    const [token] = result.ok ? result.config.http.tokens : [];
    expect(token?.expiresAt).toBe(Date.parse('2027-01-31T23:59:59.999Z'));
  });
});

describe('sip.users', () => {
  const sip = (entries: string) => `sip:\n  users: [${entries}]\n`;

  it('are the same from the text, the environment and a file; the password is nowhere', () => {
    const digest = (name: string) => createHash(name).update(`road:acd:${TOKEN}`).digest('hex');
    for (const from of [`password: "${TOKEN}"`, 'password: "${TOKEN}"', 'file: token']) {
      const result = read(sip(`{name: road, ${from}}`));
      expect(result.ok && result.config.sip.users).toEqual([
        { name: 'road', md5: digest('md5'), sha256: digest('sha256') },
      ]);
      expect(JSON.stringify(result)).not.toContain(TOKEN);
    }
  });

  it.each([
    ['no password', '{name: a}', 'must have one of password and file'],
    ['two', '{name: a, password: hunter2hunter2, file: token}', 'must have one of password'],
    ['a short one', '{name: a, password: hunter2}', 'must have 8 to 200'],
    ['a short one in a file', '{name: a, file: short}', 'must hold 8 to 200'],
    ['no such file', '{name: a, file: nowhere}', 'nowhere cannot be read (ENOENT)'],
    ['one twice', '{name: a, file: token}, {name: a, file: token}', '"a" stands here twice'],
  ])('given %s, says what to do and no secret', (_name, entries, expected) => {
    const told = faults(sip(entries)).join('\n');
    expect(told).toMatch(/^acd\.yaml:2:\d+: sip\.users\[/);
    expect(told).toContain(expected);
    expect(told).not.toContain('hunter2');
  });
});

describe('http.tls', () => {
  it('takes a certificate with its own key', () => {
    const result = read(http(`tls: {cert: ${tls}/first.pem, key: ${tls}/first.key}`));
    expect(result.ok && result.config.http.tls?.validTo).toBeGreaterThan(Date.now());
  });

  it.each([
    ['another’s key', `cert: ${tls}/first.pem, key: ${tls}/second.key`, 'cannot be used together'],
    ['no PEM', 'cert: token, key: token', 'cannot be used together'],
    ['no such file', `cert: nowhere, key: ${tls}/first.key`, 'nowhere cannot be read (ENOENT)'],
  ])('given %s, says so with its line', (_name, entry, expected) => {
    const [fault = ''] = faults(http(`tls: {${entry}}`));
    expect(fault).toMatch(/^acd\.yaml:2:\d+: http\.tls/);
    expect(fault).toContain(expected);
  });
});
