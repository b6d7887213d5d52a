/**
 * Goal: an administrator can make a token, and every verb can show one, over HTTPS, too. Method:
 * the verbs themselves, against a small server that tells what it was shown.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlain } from 'node:http';
import { createServer as createTls } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../../src/cli/index.ts';
import { hashOf } from '../../../src/config/http-access.ts';
import { parseConfig } from '../../../src/config/load.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'acd-token-'));
afterAll(() => rmSync(folder, { recursive: true }));
const fixture = (name: string) => path.resolve(import.meta.dirname, '../../fixtures/tls', name);
const pem = (name: string) => readFileSync(fixture(name), 'utf8');

let out = '';
let err = '';
let shown: (string | undefined)[] = [];
const closers: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  [out, err, shown] = ['', '', []];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true));
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  for (const close of closers.splice(0)) await close();
});

/** Answers everything with an empty list of calls; gives its port. */
async function listen(certificate: string | null): Promise<number> {
  const answer: Parameters<typeof createPlain>[1] = (request, reply) => {
    shown.push(request.headers.authorization);
    reply.end('{"calls":[],"version":1,"changes":[],"waiting_for_restart":[],"rows":[]}');
  };
  const server =
    certificate === null
      ? createPlain(answer)
      : createTls({ cert: pem(`${certificate}.pem`), key: pem(`${certificate}.key`) }, answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return (server.address() as AddressInfo).port;
}

describe('acd token', () => {
  it.each([
    ['an agent’s without the agent', ['--role', 'agent'], /names no agent/],
    ['a supervisor’s with one', ['--role', 'supervisor', '--agent', '1'], /is no agent’s/],
    ['an admin’s of some queues', ['--role', 'admin', '--queues', 'sales'], /not of some queues/],
    ['one with a day that is none', ['--expires', 'soon'], /expires/],
  ])('makes none that acd.yaml would not take: %s', async (_what, options, words) => {
    expect(await runCli(['token', 'wall', ...options])).toBe(1);
    expect(out).toBe('');
    expect(err).toMatch(words);
  });

  it('prints a token once, and an entry that acd.yaml takes and that knows it', async () => {
    const asked = ['token', 'wall', '--role', 'supervisor', '--queues', 'sales,help'];
    expect(await runCli([...asked, '--expires', '2027-01-31'])).toBe(0);
    const token = out.trim();
    expect(token).toMatch(/^acd_[A-Za-z0-9_-]{43}$/);
    expect(err).not.toContain(token);
    const yaml = err.slice(err.indexOf('http:'), err.indexOf('and keep'));
    const read = parseConfig(yaml, { env: {}, folder: '/' });
    expect(read.ok && read.config.http.tokens).toMatchObject([
      { name: 'wall', role: 'supervisor', queues: ['sales', 'help'], hash: hashOf(token) },
    ]);
  });

  it('refuses a name or a role that there cannot be', async () => {
    expect(await runCli(['token', 'a b'])).toBe(1);
    expect(await runCli(['token', 'a', '--role', 'boss'])).toBe(1);
    expect(out).toBe('');
  });
});

describe('every verb on a running ACD', () => {
  const verbs = [['call', 'list'], ['config', 'diff'], ['reload'], ['report']];

  it('shows ACD_TOKEN, the file of ACD_TOKEN_FILE, or that of --token-file', async () => {
    const url = `http://127.0.0.1:${await listen(null)}`;
    writeFileSync(path.join(folder, 'a'), 'from-a\n');
    writeFileSync(path.join(folder, 'b'), 'from-b\n');
    for (const verb of verbs) {
      shown = [];
      await runCli([...verb, '--url', url]);
      vi.stubEnv('ACD_TOKEN_FILE', path.join(folder, 'a'));
      await runCli([...verb, '--url', url]);
      vi.stubEnv('ACD_TOKEN', 'plain');
      await runCli([...verb, '--url', url]);
      await runCli([...verb, '--url', url, '--token-file', path.join(folder, 'b')]);
      vi.unstubAllEnvs();
      const all = [undefined, 'Bearer from-a', 'Bearer plain', 'Bearer from-b'];
      expect(shown, verb.join(' ')).toEqual(all);
    }
    expect(await runCli(['call', 'list', '--url', url, '--token-file', '/nowhere'])).toBe(1);
    expect(err).toContain('/nowhere cannot be read (ENOENT)');
  });

  it('trusts over HTTPS the certificate of its configuration, and no other', async () => {
    const configOf = (port: number, name: string) => {
      const file = path.join(folder, 'acd.yaml');
      const tls = `{cert: ${fixture(`${name}.pem`)}, key: ${fixture(`${name}.key`)}}`;
      writeFileSync(file, `http: {listen: "127.0.0.1:${port}", tls: ${tls}}\n`);
      return file;
    };
    const port = await listen('first');
    expect(await runCli(['call', 'list', '--config', configOf(port, 'first')])).toBe(0);
    expect(await runCli(['call', 'list', '--config', configOf(port, 'second')])).toBe(4);
    // By its address alone it is a stranger, whom no authority vouches for.
    expect(await runCli(['call', 'list', '--url', `https://127.0.0.1:${port}`])).toBe(4);
    expect(shown).toHaveLength(1);
  });
});
