/**
 * Goal: whoever asks may do what his token says, on every route there is, and nobody else anything.
 * Method: requests injected into the server over an invented house; its own list of routes is
 * walked with every role, so that none can be forgotten.
 */
import { connect, type AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ROLES } from '../../../src/config/http-fields.ts';
import type { HttpConfig, TokenConfig } from '../../../src/config/types.ts';
import { hasRole } from '../../../src/http/access.ts';
import { entry, openDesk, tokenOf, type Desk } from './house.ts';

let desk: Desk | null = null;
afterEach(async () => {
  await desk?.http.close();
  desk = null;
});

async function open(tokens: readonly TokenConfig[], more: Partial<HttpConfig> = {}, s1 = {}) {
  desk = await openDesk(tokens, more, s1);
  return desk;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';

async function ask(who: string | null, url: string, method: Method = 'GET', payload?: object) {
  const headers = who === null ? {} : { authorization: `Bearer ${tokenOf(who)}` };
  const body = payload === undefined ? {} : { payload };
  return desk!.http.inject({ method, url, headers, ...body });
}

/** A path with values in it; a stream that is let in is refused for its question. */
const filled = (url: string) =>
  url === '/events' ? '/events?after=x' : url.replace(/:[a-z]+/gi, '1');

describe('every route with every role', () => {
  const everyRole = ROLES.map((role) => entry(role, role, role === 'agent' ? { agent: '1' } : {}));

  it('each names the role it needs, and exactly that role and those above get in', async () => {
    const { http } = await open(everyRole);
    expect(http.gated.length).toBeGreaterThan(45);
    // HEAD is the same route as its GET.
    for (const { method, url, needs } of http.gated.filter((one) => one.method !== 'HEAD')) {
      const route = `${method} ${url}`;
      expect(needs, `${route} names no role; write config: needs(…) beside its schema`).not.toBe(
        null,
      );
      if (needs === null) continue;
      const bare = await ask(null, filled(url), method as Method);
      expect([401].includes(bare.statusCode), route).toBe(needs !== 'anyone');
      for (const role of ROLES) {
        const { statusCode } = await ask(role, filled(url), method as Method);
        const isIn = statusCode !== 401 && statusCode !== 403;
        expect(isIn, `${route} as ${role}: ${statusCode}`).toBe(hasRole(role, needs));
      }
    }
  });

  it('what may be done by whom is what the manual says', async () => {
    const { http } = await open(everyRole);
    const roleOf = (method: string, url: string) =>
      http.gated.find((one) => one.method === method && one.url === url)?.needs;
    expect(roleOf('GET', '/health')).toBe('anyone');
    expect(roleOf('GET', '/ready')).toBe('anyone');
    expect(roleOf('GET', '/metrics')).toBe('metrics');
    expect(roleOf('GET', '/queues')).toBe('read-only');
    expect(roleOf('GET', '/events')).toBe('read-only');
    expect(roleOf('POST', '/agents/:id/pause')).toBe('agent');
    expect(roleOf('POST', '/calls/:id/hangup')).toBe('agent');
    expect(roleOf('POST', '/calls/:id/withdraw')).toBe('supervisor');
    for (const { method, url, needs } of http.gated) {
      const isOpen = needs === 'anyone' || needs === 'metrics';
      const isChange = method !== 'GET' && method !== 'HEAD';
      if (isChange) expect(isOpen || needs === 'read-only', `${method} ${url}`).toBe(false);
      if (isChange && !/^\/(agents|calls)\/:id\/|^\/calls$/.test(url))
        expect(needs, url).toBe('admin');
    }
  });

  it('OpenAPI says it, too', async () => {
    const { http } = await open(everyRole);
    const { paths = {} } = http.swagger() as unknown as {
      paths?: Record<string, Record<string, object>>;
    };
    expect(paths['/agents/{id}/pause']?.['post']).toMatchObject({
      'x-role': 'agent',
      security: [{ token: [] }],
      responses: { 401: {}, 403: {}, 429: {} },
    });
    expect(paths['/ready']?.['get']).toMatchObject({ 'x-role': 'anyone', security: [] });
  });
});

describe('without tokens', () => {
  it('everything is as it was: nobody needs one, and nobody is slowed down', async () => {
    await open([], { rateLimit: 1 });
    for (let i = 0; i < 20; i += 1) expect((await ask(null, '/queues')).statusCode).toBe(200);
    expect((await ask('anything', '/agents')).statusCode).toBe(200);
    expect((await ask(null, '/health')).json()).toHaveProperty('media');
    expect((await ask(null, '/agents/1/pause', 'POST')).statusCode).toBe(200);
  });
});

describe('a token', () => {
  it('that is missing, wrong or too weak is told as a problem, with what to do', async () => {
    await open([entry('wall', 'read-only')]);
    const bare = await ask(null, '/queues');
    expect(bare.headers['content-type']).toBe('application/problem+json');
    expect(bare.headers['www-authenticate']).toBe('Bearer realm="acd"');
    expect(bare.json()).toMatchObject({ status: 401, code: 'no-token' });
    const wrong = await ask('other', '/queues');
    expect(wrong.headers['www-authenticate']).toContain('invalid_token');
    expect(wrong.json()).toMatchObject({ status: 401, code: 'bad-token' });
    const weak = await ask('wall', '/agents/1/pause', 'POST');
    expect(weak.json()).toMatchObject({ status: 403, code: 'role-missing' });
    expect((await ask(null, '/nowhere')).statusCode).toBe(404);
  });

  it.each([
    ['another scheme', `Basic ${tokenOf('wall')}`],
    ['two words', `Bearer a ${tokenOf('wall')}`],
    ['the hash in its place', `Bearer ${entry('wall', 'read-only').hash}`],
    ['nothing', 'Bearer '],
  ])('as %s is none', async (_name, authorization) => {
    await open([entry('wall', 'read-only')]);
    const answer = await desk!.http.inject({ url: '/queues', headers: { authorization } });
    expect(answer.statusCode).toBe(401);
  });

  it('given its day is over, is refused', async () => {
    const { http } = await open([entry('wall', 'read-only', { expiresAt: 1_000 })]);
    expect(http).toBeDefined();
    expect((await ask('wall', '/queues')).statusCode).toBe(200);
    desk!.now = 1_000;
    expect((await ask('wall', '/queues')).json()).toMatchObject({ code: 'bad-token' });
  });

  it('taken away by a reload is refused at once, another one good', async () => {
    const { access } = await open([entry('old', 'admin')]);
    access.use({ tokens: [entry('new', 'admin')], rateLimit: 0 });
    expect((await ask('old', '/queues')).statusCode).toBe(401);
    expect((await ask('new', '/queues')).statusCode).toBe(200);
  });

  it('nobody without one learns more of health than its status', async () => {
    await open([entry('wall', 'metrics')]);
    expect((await ask(null, '/health')).json()).toEqual({ status: 'ok' });
    expect((await ask(null, '/ready')).json()).toEqual({ ready: true, parts: [] });
    expect((await ask('wall', '/health')).json()).toHaveProperty('media');
  });

  it('guessed too often makes who guesses wait, and nobody else at that address', async () => {
    await open([entry('wall', 'read-only')]);
    for (let i = 0; i < 10; i += 1) expect((await ask(`x${i}`, '/queues')).statusCode).toBe(401);
    expect((await ask('wall', '/queues')).statusCode).toBe(200);
    const waits = await ask('another', '/queues');
    expect(waits.json()).toMatchObject({ status: 429, code: 'too-many-requests' });
    expect(Number(waits.headers['retry-after'])).toBeGreaterThan(0);
    desk!.now += 6_000;
    expect((await ask('another', '/queues')).statusCode).toBe(401);
  });

  it('asks so often and no more; another one is not slowed down by it', async () => {
    await open([entry('a', 'read-only'), entry('b', 'read-only')], { rateLimit: 2 });
    const seen: number[] = [];
    for (let i = 0; i < 5; i += 1) seen.push((await ask('a', '/queues')).statusCode);
    expect(seen).toEqual([200, 200, 200, 200, 429]);
    expect((await ask('b', '/queues')).statusCode).toBe(200);
    desk!.now += 500;
    expect((await ask('a', '/queues')).statusCode).toBe(200);
    expect((await ask('a', '/queues')).statusCode).toBe(429);
  });
});

describe('the scope of a token', () => {
  const names = (body: unknown, list: string, key: string) =>
    (body as Record<string, Record<string, string>[]>)[list]?.map((one) => one[key]);

  it('shows its queues, their calls and members alone', async () => {
    await open([entry('lead', 'supervisor', { queues: ['sales'] })]);
    expect(names((await ask('lead', '/queues')).json(), 'queues', 'name')).toEqual(['sales']);
    expect(names((await ask('lead', '/calls')).json(), 'calls', 'call')).toEqual(['s1']);
    expect(names((await ask('lead', '/agents')).json(), 'agents', 'id')).toEqual(['1', '3']);
    expect(names((await ask('lead', '/agents/3/why')).json(), 'calls', 'call')).toEqual(['s1']);
    const both: unknown = (await ask('lead', '/agents/3')).json();
    expect(names(both, 'memberships', 'queue')).toEqual(['sales']);
    expect(both).toMatchObject({ memberof: ['sales'] });
    expect((await ask('lead', '/agents')).body).not.toContain('help');
    const report = await ask('lead', '/reports/queues?from=2026-11-25T00:00:00Z&format=csv');
    expect(report.body).toContain('sales');
    expect(report.body).not.toContain('help');
    for (const url of ['/queues/help', '/agents/2', '/calls/h1', '/calls/h1@pbx']) {
      expect((await ask('lead', url)).statusCode, url).toBe(404);
    }
    const foreign = await ask('lead', '/events?queue=help');
    expect(foreign.json()).toMatchObject({ status: 403, code: 'out-of-scope' });
    const hidden = await ask('lead', '/events?agent=2');
    expect(hidden.json()).toMatchObject({ status: 404, code: 'unknown-agent' });
  });

  it('goes with what is asked of the reports, agents where they are looked at', async () => {
    const { asked } = await open([entry('lead', 'supervisor', { queues: ['sales'] })]);
    for (const name of ['queues', 'calls', 'counters', 'agents', 'pauses']) {
      const span = name === 'counters' ? '' : '?from=2026-11-25T00:00:00Z';
      await ask('lead', `/reports/${name}${span}`);
    }
    const scopes = asked.map((one) => ('asked' in one ? one.asked.scope : null) ?? one);
    const [alone, withAgents] = [[], ['1', '3']].map((agents) => ({ queues: ['sales'], agents }));
    const counters = { name: 'counters', scope: alone };
    expect(scopes).toEqual([alone, alone, counters, withAgents, withAgents]);
  });

  it.each([
    ['/agents/2/pause', {}],
    ['/agents/3/pause', { queue: 'help' }],
    ['/calls/h1/hangup', undefined],
    ['/calls/s1/move', { queue: 'help' }],
    ['/calls/s1/give', { agent: '2' }],
    ['/calls/s1/transfer', { to: 'queue:help' }],
  ])('steers nothing else: POST %s %j', async (url, body) => {
    const { done } = await open([entry('lead', 'supervisor', { queues: ['sales'] })]);
    expect((await ask('lead', url, 'POST', body)).statusCode).toBe(404);
    expect(done).toEqual([]);
    expect((await ask('lead', '/calls/s1/give', 'POST', { agent: '3' })).statusCode).toBe(204);
    expect(done).toEqual(['give s1 3']);
  });

  it('of an agent dials for himself alone', async () => {
    const { done } = await open([entry('ann', 'agent', { agent: '1' })]);
    const dial = (agent: string) => ask('ann', '/calls', 'POST', { agent, to: '030' });
    expect((await dial('2')).json()).toMatchObject({ status: 403, code: 'out-of-scope' });
    expect(done).toEqual([]);
    await dial('1');
    expect(done).toEqual(['dial 1 030']);
  });

  it('of an agent steers himself alone, and no call', async () => {
    const { done } = await open([entry('ann', 'agent', { agent: '1' })]);
    expect((await ask('ann', '/agents/1/pause', 'POST', { reason: 'lunch' })).statusCode).toBe(200);
    const other = await ask('ann', '/agents/2/pause', 'POST');
    expect(other.json()).toMatchObject({ status: 403, code: 'out-of-scope' });
    expect((await ask('ann', '/calls/s1/hangup', 'POST')).statusCode).toBe(403);
    expect(done).toEqual(['pause 1 lunch']);
    expect((await ask('ann', '/agents/2')).statusCode).toBe(200);
  });

  it.each([
    ['he talks in it', { agent: '1', state: 'assigned' }, 204],
    ['he has dialled it', { agent: '1', state: 'calling', outbound: true }, 204],
    ['it but rings at him', { agent: '1', state: 'offered' }, 403],
    ['another talks in it', { agent: '2', state: 'assigned' }, 403],
    ['it waits', { agent: '', state: 'queued' }, 403],
  ] as const)('of an agent may end and hold a call where %s: %j', async (_what, call, status) => {
    const { done } = await open([entry('ann', 'agent', { agent: '1' })], {}, call);
    for (const verb of ['hangup', 'hold', 'resume'] as const)
      expect((await ask('ann', `/calls/s1/${verb}`, 'POST')).statusCode).toBe(status);
    expect(done).toHaveLength(status === 204 ? 3 : 0);
    for (const [verb, body] of [
      ['withdraw', undefined],
      ['move', { queue: 'help' }],
      ['give', { agent: '1' }],
      ['transfer', { to: 'sip:1@x' }],
    ] as const)
      expect((await ask('ann', `/calls/s1/${verb}`, 'POST', body)).statusCode).toBe(403);
    expect((await ask('ann', '/calls/none/hangup', 'POST')).statusCode).toBe(404);
  });
});

describe('who reads the events', () => {
  async function follow(who: string | null) {
    const { http } = desk!;
    if (!http.server.listening) await http.listen({ host: '127.0.0.1', port: 0 });
    const { port } = http.server.address() as AddressInfo;
    const headers = who === null ? {} : { authorization: `Bearer ${tokenOf(who)}` };
    const answer = await fetch(`http://127.0.0.1:${port}/events`, { headers });
    const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
    await reader.read();
    const rest = async () => {
      let text = '';
      for (;;) {
        const { done, value = '' } = await reader.read();
        if (done) return text;
        text += value;
      }
    };
    return { reader, rest };
  }

  it.each([
    ['is gone', []],
    [
      'is another one of that name',
      [{ ...entry('wall', 'read-only'), hash: `sha256:${'0'.repeat(64)}` }],
    ],
    ['sees less than it did', [entry('wall', 'read-only', { queues: ['sales'] })]],
  ])('reads no more when his token %s; others go on', async (_what, left) => {
    const kept = entry('kept', 'read-only');
    await open([entry('wall', 'read-only'), kept]);
    const [wall, other] = [await follow('wall'), await follow('kept')];
    desk!.access.use({ tokens: [...left, kept], rateLimit: 0 });
    desk!.stream.recheck();
    expect(await wall.rest()).toContain('event: denied');
    expect(desk!.stream.readers).toBe(1);
    await other.reader.cancel();
  });

  it('reads no more without a token when there are some; before, he does', async () => {
    await open([]);
    const nobody = await follow(null);
    desk!.stream.recheck();
    expect(desk!.stream.readers).toBe(1);
    desk!.access.use({ tokens: [entry('wall', 'read-only')], rateLimit: 0 });
    desk!.stream.recheck();
    expect(await nobody.rest()).toContain('event: denied');
  });

  it('reads no more when his token is over', async () => {
    await open([entry('wall', 'read-only', { expiresAt: 1_000 })]);
    const wall = await follow('wall');
    desk!.now = 999;
    desk!.stream.recheck();
    expect(desk!.stream.readers).toBe(1);
    desk!.now = 1_000;
    desk!.stream.recheck();
    expect(await wall.rest()).toContain('event: denied');
  });
});

describe('what is told', () => {
  it.each([
    { how: 'without a body', body: '', type: '' },
    {
      how: 'with one, read to its end',
      body: '{"reason":"lunch"}',
      type: 'Content-Type: application/json\r\n',
    },
  ])('once, of a change whose asker left before the answer, $how', async ({ body, type }) => {
    await open([entry('boss', 'admin')]);
    const { http, told } = desk!;
    await http.listen({ host: '127.0.0.1', port: 0 });
    const { port } = http.server.address() as AddressInfo;
    let answer = () => undefined as void;
    desk!.hold = new Promise<void>((resolve) => (answer = resolve));
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(
      `POST /agents/1/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n${type}` +
        `Content-Length: ${body.length}\r\n` +
        `Authorization: Bearer ${tokenOf('boss')}\r\n\r\n${body}`,
    );
    const order = body === '' ? 'pause 1' : 'pause 1 lunch';
    await expect.poll(() => desk!.done).toEqual([order]);
    socket.destroy();
    const audits = () => told.filter((line) => line.includes('"audit"'));
    await expect.poll(() => audits().length).toBe(1);
    answer();
    await http.inject({ url: '/ready' });
    expect(audits().map((line) => JSON.parse(line) as object)).toMatchObject([
      { by: 'http:boss@127.0.0.1', path: '/agents/1/pause', body, status: null, aborted: true },
    ]);
  });

  it('each change with who, from where and what; never a token, never a PIN', async () => {
    const { told } = await open([entry('boss', 'admin')]);
    await ask('boss', '/agents/1/pause', 'POST', { reason: 'lunch' });
    await ask('boss', '/agents', 'POST', { id: '9', pin: '4711' });
    await ask('boss', '/queues');
    await ask('guess', '/queues');
    const lines = told.map((line) => JSON.parse(line) as Record<string, unknown>);
    const audits = lines.filter((line) => line['msg'] === 'audit');
    expect(audits).toHaveLength(2);
    expect(audits[0]).toMatchObject({
      by: 'http:boss@127.0.0.1',
      from: '127.0.0.1',
      method: 'POST',
      path: '/agents/1/pause',
      body: '{"reason":"lunch"}',
      before: { 'agent 1': { state: 'idle', pause_reason: null, paused_in: [] } },
      after: { 'agent 1': { state: 'idle' } },
      status: 200,
    });
    // What names no agent and no call has a version of the configuration.
    expect(audits[1]).not.toHaveProperty('before');
    expect(lines.filter((line) => line['msg'] === 'refused')).toHaveLength(1);
    expect(told.join()).not.toContain('4711');
    expect(told.join()).not.toContain('token-of');
  });

  it('of a call, how it stood; why nobody is rung for it is not worked out for that', async () => {
    const { told, explained } = await open([entry('boss', 'supervisor')]);
    const moved = await ask('boss', '/calls/s1/move', 'POST', { queue: 'help' });
    expect(moved.statusCode).toBe(204);
    const s1 = { state: 'queued', queue: 'sales', position: 1, priority: 0, agent: '' };
    const audit = told.find((line) => line.includes('"audit"')) ?? '{}';
    expect(JSON.parse(audit)).toMatchObject({
      before: { 'call s1': s1 },
      after: { 'call s1': s1 },
    });
    expect(explained).toEqual([]);
  });

  it('to browsers: not to guess types, not to frame, not to keep', async () => {
    await open([]);
    const { headers } = await ask(null, '/queues');
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
    });
    expect((await ask(null, '/docs')).headers['content-security-policy']).toContain('style-src');
  });
});

describe('locks of logins by telephone', () => {
  it('are listed, and lifted by an admin', async () => {
    await open([]);
    const locks = [{ kind: 'agent', name: '1', ends_in_seconds: 2 }];
    expect((await ask(null, '/locks')).json()).toEqual({ locks });
    expect((await ask(null, '/locks/agent/1', 'DELETE')).statusCode).toBe(204);
    const none = await ask(null, `/locks/phone/${encodeURIComponent('sip:1@pbx')}`, 'DELETE');
    expect(none.json()).toMatchObject({ status: 404, code: 'unknown-lock' });
    expect((await ask(null, '/locks/door/1', 'DELETE')).statusCode).toBe(400);
  });
});

describe('bans of addresses', () => {
  it('are listed, and lifted by an admin', async () => {
    await open([]);
    const bans = [{ source: '2a00:1:2:3::/64', why: 'flood', ends_in_seconds: 2 }];
    expect((await ask(null, '/bans')).json()).toEqual({ bans });
    const lift = (source: string) => ask(null, `/bans/${encodeURIComponent(source)}`, 'DELETE');
    expect((await lift('2a00:1:2:3::/64')).statusCode).toBe(204);
    expect((await lift('192.0.2.1')).json()).toMatchObject({ status: 404, code: 'unknown-ban' });
  });
});
