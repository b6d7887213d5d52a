/**
 * Goal: tokens and certificate are taken over by a reload, never by half, and are in nothing that
 * REST or the log tell. Method: a configuration with its file, and REST on it.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { hashOf } from '../../../src/config/http-access.ts';
import { Access } from '../../../src/http/access.ts';
import { FILE, House, serve } from './stage.ts';

const load = { by: 'test', prefer: null, dryRun: false } as const;
const entry = (name: string, secret: string) =>
  `{name: ${name}, role: admin, hash: "${hashOf(secret)}"}`;
const withTokens = (...entries: string[]) =>
  FILE.replace('8242 }', `8242, tokens: [${entries.join(', ')}] }`);

describe('a reload', () => {
  it('takes tokens over, and they wait for no restart', async () => {
    const house = new House();
    const { configuration } = await house.begin();
    const heard: string[][] = [];
    configuration.onAccess(({ tokens }) => heard.push(tokens.map((token) => token.name)));
    house.write(withTokens(entry('a', 'x')));
    expect(await configuration.reload({ ...load, dryRun: true })).toMatchObject({ ok: true });
    expect(heard).toEqual([]);
    expect(await configuration.reload(load)).toMatchObject({ ok: true, waiting: [] });
    expect(heard).toEqual([['a']]);
    house.write(withTokens(entry('a', 'y'), entry('b', 'x')));
    await configuration.reload(load);
    expect(heard.at(-1)).toEqual(['a', 'b']);
    expect(configuration.config.http.tokens.map((token) => token.name)).toEqual(['a', 'b']);
  });

  it('given a token’s file changed, reads it anew; given it is gone, nothing holds', async () => {
    const house = new House();
    const file = path.join(path.dirname(house.file), 'token');
    writeFileSync(file, 'the-first-token-0123456789\n');
    house.write(withTokens('{name: a, role: admin, file: token}'));
    const { configuration } = await house.begin();
    const [first] = configuration.config.http.tokens;
    writeFileSync(file, 'the-second-token-0123456789\n');
    await configuration.reload(load);
    const [second] = configuration.config.http.tokens;
    expect(second?.hash).not.toBe(first?.hash);
    writeFileSync(file, '\n');
    expect(await configuration.reload(load)).toMatchObject({ ok: false, why: 'faults' });
    expect(configuration.config.http.tokens).toEqual([second]);
    // What REST changes meanwhile does not depend on that file.
    const done = await configuration.change('x', 'none', (doc) => ({ ok: true, doc }));
    expect(done).toMatchObject({ ok: true });
  });

  it('that would leave a server beyond this machine without tokens is refused', async () => {
    const house = new House();
    house.write(withTokens(entry('a', 'x')).replace('127.0.0.1:', '0.0.0.0:'));
    const { configuration } = await house.begin();
    house.write(FILE);
    const done = await configuration.reload(load);
    expect(JSON.stringify(done)).toContain('beyond this machine');
    expect(configuration.config.http.tokens).toHaveLength(1);
  });
});

it('what is written of an agent shows a token of some queues no others that he is in', async () => {
  const token = { name: 'lead', role: 'supervisor', agent: null, expiresAt: null } as const;
  const tokens = [{ ...token, hash: hashOf('x'), queues: ['help'] }];
  const access = new Access({ tokens, rateLimit: 0 }, () => 0);
  const agent = () => ({ id: '1', memberof: ['sales', 'help'], away_from: [], memberships: [] });
  const http = await serve(new House(), { access, view: { agent } as object });
  const headers = { authorization: 'Bearer x' };
  const shown = await http.inject({ url: '/agents/1/options', headers });
  expect(shown.json()).toMatchObject({ name: 'Ann', queues: ['help'] });
});

describe('secrets', () => {
  it('are in nothing that REST tells of the configuration', async () => {
    const house = new House();
    house.write(
      withTokens(entry('a', 'x')).concat(
        'sip: {register: [{name: pbx, registrar: "sip:h", username: u, password: hunter2}]}\n',
      ),
    );
    const http = await serve(house);
    for (const url of [
      '/config',
      '/config/versions/1',
      '/agents/1/options',
      '/openapi.json',
      '/config/diff?from=1',
    ]) {
      const { body, statusCode } = await http.inject(url);
      expect(statusCode, url).toBe(200);
      for (const secret of ['hunter2', '4711', hashOf('x')])
        expect(body, url).not.toContain(secret);
    }
    expect(house.told.join()).not.toContain('hunter2');
  });
});
