/**
 * Goal: REST tells what came of a change of the configuration by status, code and place, and reads
 * back what was written. Method: requests injected over a real configuration on a journal in
 * memory; what is not asked here is not there.
 */
import { describe, expect, it } from 'vitest';
import { FILE, House, serve } from './stage.ts';

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

async function open() {
  const house = new House();
  const server = await serve(house);
  const ask = async (method: Method, url: string, body?: object) =>
    server.inject({ method, url, ...(body === undefined ? {} : { payload: body }) });
  return { house, ask, server };
}

describe('what is refused has a code', () => {
  it.each([
    ['POST', '/queues', { name: 'sales' }, 409, 'exists'],
    ['POST', '/queues', { name: 'new', timeout: 'soon' }, 400, 'bad-configuration'],
    ['POST', '/queues', { name: 'new', tiemout: 5 }, 400, 'bad-request'],
    ['PATCH', '/queues/nope', { timeout: 5 }, 404, 'unknown-queue'],
    ['DELETE', '/agents/99', undefined, 404, 'unknown-agent'],
    ['POST', '/queues/help/members', { agent: '1' }, 409, 'exists'],
    ['POST', '/queues/nope/members', { agent: '1' }, 404, 'unknown-queue'],
    ['DELETE', '/queues/help/members/2', undefined, 404, 'unknown-member'],
    ['GET', '/penalty-rules/nope', undefined, 404, 'unknown-penalty-rule'],
    ['PATCH', '/pause-reasons/nope', { max_seconds: 5 }, 404, 'unknown-pause-reason'],
    ['DELETE', '/prompts/nope', undefined, 404, 'unknown-prompt'],
    ['PUT', '/prompts/mine', undefined, 400, 'bad-audio'],
    ['POST', '/config/rollback', { version: 7 }, 404, 'unknown-version'],
    ['GET', '/config/diff?from=7', undefined, 404, 'unknown-version'],
  ] as const)('%s %s %j: %i %s', async (method, url, body, status, code) => {
    const { ask } = await open();
    const answer = await ask(method, url, body);
    expect(answer.json()).toMatchObject({ status, code });
    expect(answer.statusCode).toBe(status);
    expect((await ask('GET', '/config')).json()).toMatchObject({ version: 1 });
  });

  it('given a value out of the environment of the server, is refused and not shown', async () => {
    const { ask, house } = await open();
    const why = 'would be taken from the environment of the server, which REST may not read';
    const told = async (method: Method, url: string, body: object) => {
      const answer = await ask(method, url, body);
      expect(answer.json()).toMatchObject({ status: 400, code: 'bad-configuration' });
      return answer.json<{ detail: string }>().detail;
    };
    expect(await told('PATCH', '/queues/sales', { welcome: ['${SECRET}'] })).toContain(why);
    expect(await told('POST', '/agents', { id: '9', name: 'a ${SECRET}' })).toContain(why);
    // A PIN may: it is never shown. It is not set here.
    const pin = await told('PATCH', '/agents/2', { pin: '${PIN}' });
    expect(pin).toContain('takes ${PIN} from the environment, where it is not set');
    expect((await ask('PATCH', '/agents/2', { name: 'costs $${5}' })).statusCode).toBe(200);
    // What the file takes from there is no change of REST's.
    house.write(FILE.replace('name: Ann', () => 'name: "$${x}"'));
    expect((await ask('PUT', '/config?prefer=file')).statusCode).toBe(200);
  });

  it('given file and REST at odds, is 409 until told which wins', async () => {
    const { house, ask } = await open();
    await ask('PATCH', '/queues/sales', { timeout: 30 });
    house.write(FILE.replace('timeout: 15', 'timeout: 20'));
    const refused = await ask('PUT', '/config');
    expect(refused.statusCode).toBe(409);
    expect(refused.json()).toMatchObject({ code: 'config-conflict' });
    expect((await ask('PUT', '/config?prefer=file')).json()).toMatchObject({ version: 3 });
    expect((await ask('GET', '/queues/sales/options')).json()).toMatchObject({ timeout: '20' });
  });
});

describe('a whole document', () => {
  type Shown = { version: number; config: { agents: { id: string }[]; queues: object[] } };

  it('given as it is shown changes nothing, hidden PINs included', async () => {
    const { ask } = await open();
    const { config } = (await ask('GET', '/config')).json<Shown>();
    const answer = await ask('PUT', '/config', config);
    expect(answer.json()).toMatchObject({ version: 1, changes: [], dry_run: false });
  });

  it('given a hidden PIN behind which there is none, or what is none, is refused', async () => {
    const { ask } = await open();
    const { config } = (await ask('GET', '/config')).json<Shown>();
    for (const [id, pin] of [
      ['9', '(hidden)'],
      ['2', '(hidden)'],
      ['2', 'letters'],
    ]) {
      const others = config.agents.filter((agent) => agent.id !== id);
      const answer = await ask('PUT', '/config', { ...config, agents: [{ id, pin }, ...others] });
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toMatchObject({ code: 'bad-configuration' });
      expect(answer.body).toMatch(/agents\[0\]\.pin: a PIN is keyed on a phone/);
    }
    const entry = await ask('PATCH', '/agents/2', { pin: 'letters' });
    expect(entry.statusCode).toBe(400);
    expect((await ask('GET', '/config')).json()).toMatchObject({ version: 1 });
  });

  it('is tried first, then stands in place of what held, and can be brought back', async () => {
    const { ask } = await open();
    const { config } = (await ask('GET', '/config')).json<Shown>();
    const next = { ...config, queues: [...config.queues, { name: 'fax', timeout: 9 }] };
    const tried = await ask('PUT', '/config?dry_run=true', next);
    expect(tried.json()).toMatchObject({ dry_run: true, version: 1 });
    expect((await ask('GET', '/queues/fax/options')).statusCode).toBe(404);
    const done = await ask('PUT', '/config', next);
    expect(done.json()).toMatchObject({ version: 2, changes: [{ path: 'queues[fax]' }] });
    expect((await ask('GET', '/queues/fax/options')).json()).toMatchObject({ timeout: '9' });
    // It counts as a change by REST: the unchanged file leaves it.
    expect((await ask('PUT', '/config')).json()).toMatchObject({ changes: [] });
    const back = await ask('POST', '/config/rollback', { version: 1 });
    expect(back.statusCode).toBe(200);
    expect((await ask('GET', '/queues/fax/options')).statusCode).toBe(404);
  });

  it.each([
    {
      payload: '{"queues":[{"name":"a","timeout":"soon"}]}',
      url: '/config',
      code: 'bad-configuration',
    },
    {
      payload: '{"queues":[{"name":"a"}],"sip":{"allow":["any"]}}',
      url: '/config',
      code: 'bad-request',
    },
    { payload: '{"queues":[]}', url: '/config?prefer=file', code: 'bad-request' },
    { payload: `{"queues":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, url: '/config', code: '' },
  ])('$code: a document at $url is refused as a whole', async ({ payload, url, code }) => {
    const { ask, server } = await open();
    const headers = { 'content-type': 'application/json' };
    const answer = await server.inject({ method: 'PUT', url, payload, headers });
    expect(answer.statusCode).toBe(400);
    if (code !== '') expect(answer.json()).toMatchObject({ code });
    expect((await ask('GET', '/config')).json()).toMatchObject({ version: 1 });
  });
});

describe('what is made', () => {
  it('says where it is, is read back, and is gone after its removal', async () => {
    const { ask } = await open();
    const made = await ask('POST', '/queues', { name: 'fax', timeout: 9 });
    expect(made.statusCode).toBe(201);
    expect(made.headers['location']).toBe('/queues/fax');
    const member = await ask('POST', '/queues/fax/members', { agent: 1, penalty: 2 });
    expect(member.headers['location']).toBe('/queues/fax/members/1');
    const members = (await ask('GET', '/queues/fax/members')).json<object>();
    expect(members).toEqual({ members: [{ agent: '1', penalty: '2' }] });
    expect((await ask('DELETE', '/queues/fax')).statusCode).toBe(200);
    expect((await ask('GET', '/queues/fax/options')).statusCode).toBe(404);
  });

  it('with If-Match changes the version that was seen, and no other', async () => {
    const { server } = await open();
    const seen = await server.inject('/config');
    const { etag } = seen.headers;
    expect(etag).toBe('"1"');
    const { config } = seen.json<{ config: { queues: { name: string }[] } }>();
    const put = (match: string, timeout: number) => {
      const queues = config.queues.map((queue) => ({ ...queue, timeout }));
      const headers = { 'if-match': match };
      return server.inject({ method: 'PUT', url: '/config', headers, payload: { queues } });
    };
    // Both have seen the same, and ask at the same time.
    const both = await Promise.all([put(String(etag), 20), put(String(etag), 30)]);
    expect(both.map(({ statusCode }) => statusCode)).toEqual([200, 412]);
    expect(both[1]?.json()).toMatchObject({ code: 'version-changed' });
    for (const other of ['"1"', 'W/"2"', '2', '"x"']) {
      expect((await put(other, 30)).statusCode, other).toBe(412);
      const headers = { 'if-match': other };
      const reload = await server.inject({ method: 'PUT', url: '/config', headers });
      expect(reload.statusCode, other).toBe(412);
    }
    const back = { url: '/config/rollback', payload: { version: 1 } } as const;
    const late = await server.inject({ method: 'POST', ...back, headers: { 'if-match': '"1"' } });
    expect(late.statusCode).toBe(412);
    expect((await put('*', 30)).statusCode).toBe(200);
    expect((await put('"3"', 40)).statusCode).toBe(200);
    expect((await put('"1", "4"', 50)).statusCode).toBe(200);
    expect((await put('"1", W/"5"', 60)).statusCode).toBe(412);
  });

  it.each([
    ['POST', '/queues', { name: 'new' }],
    ['PATCH', '/queues/sales', { timeout: 9 }],
    ['DELETE', '/agents/1', undefined],
    ['POST', '/pause-reasons', { reason: 'new' }],
    ['DELETE', '/pause-reasons/new', undefined],
    ['POST', '/queues/sales/members', { agent: 1 }],
    ['PATCH', '/queues/sales/members/1', { penalty: 2 }],
    ['DELETE', '/queues/sales/members/1', undefined],
    ['DELETE', '/prompts/none', undefined],
  ] as const)('with If-Match %s %s changes nothing of another version', async (...asked) => {
    const { server } = await open();
    const [method, url, payload] = asked;
    const body = payload === undefined ? {} : { payload };
    const late = await server.inject({ method, url, headers: { 'if-match': '"9"' }, ...body });
    expect([late.statusCode, late.json()]).toMatchObject([412, { code: 'version-changed' }]);
    expect((await server.inject('/config')).headers.etag).toBe('"1"');
  });

  it('shows no PIN', async () => {
    const { ask } = await open();
    const shown = [await ask('GET', '/agents/1/options'), await ask('GET', '/config')];
    for (const { body } of shown) expect(body).not.toContain('4711');
  });

  it('lists reasons in pages', async () => {
    const { ask } = await open();
    for (const reason of ['lunch', 'talk']) {
      const made = await ask('POST', '/pause-reasons', { reason, max_seconds: 60 });
      expect(made.statusCode).toBe(201);
    }
    const page = await ask('GET', '/pause-reasons?limit=1');
    expect(page.json()).toEqual({ 'pause-reasons': [{ reason: 'lunch', max_seconds: 60 }] });
    expect(page.headers['link']).toBe('</pause-reasons?limit=1&after=lunch>; rel="next"');
  });
});
