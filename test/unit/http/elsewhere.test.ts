/**
 * Goal: whatever is asked wrongly is answered as a problem that tells what to do: unknown paths,
 * other methods, bodies that are no JSON or of another type, queries with words nobody knows, and
 * bytes that are no HTTP. Method: requests injected over an invented house; the last by a socket.
 */
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { methodsOf } from '../../../src/http/elsewhere.ts';
import { entry, openDesk, tokenOf, type Desk } from './house.ts';

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk([entry('boss', 'admin')]);
});
afterEach(() => desk.http.close());

const authorization = `Bearer ${tokenOf('boss')}`;
type Method = 'GET' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';

async function ask(method: Method, url: string, type?: string, payload?: string) {
  const answer = await desk.http.inject({
    ...{ method, url },
    headers: { authorization, ...(type === undefined ? {} : { 'content-type': type }) },
    ...(payload === undefined ? {} : { payload }),
  });
  expect(answer.headers['content-type']).toBe('application/problem+json');
  const told = answer.json<{ code: string; detail: string; status: number }>();
  expect(told.status).toBe(answer.statusCode);
  return { ...told, allow: answer.headers['allow'] };
}

describe('a path that is served by other methods', () => {
  it('is 405, and Allow and the sentence name them', async () => {
    expect(await ask('PUT', '/queues?limit=1')).toMatchObject({
      status: 405,
      code: 'wrong-method',
      allow: 'GET, HEAD, POST',
      detail: 'PUT is not served here; what is: GET, HEAD, POST',
    });
    expect(await ask('POST', '/agents/1')).toMatchObject({
      status: 405,
      allow: 'DELETE, GET, HEAD, PATCH',
    });
    expect(await ask('GET', '/nothing')).toMatchObject({ status: 404, code: 'unknown-path' });
  });

  it('HEAD of the stream of events, which has no end, is 405', async () => {
    const asked = { method: 'HEAD', url: '/events', headers: { authorization } } as const;
    const { statusCode, headers } = await desk.http.inject(asked);
    expect([statusCode, headers['allow']]).toEqual([405, 'GET']);
  });

  it('is told by the routes as they are written', () => {
    const routes = [
      { method: 'GET', url: '/a/:id/b', needs: null },
      { method: 'PUT', url: '/a/:id/b', needs: null },
      { method: 'POST', url: '/a/:id', needs: null },
    ];
    expect(methodsOf(routes, '/a/1/b?x=1')).toEqual(['GET', 'PUT']);
    expect(methodsOf(routes, '/a/1')).toEqual(['POST']);
    expect(methodsOf(routes, '/a//b')).toEqual([]);
    expect(methodsOf(routes, '/a')).toEqual([]);
  });
});

describe('a body', () => {
  it('that is no JSON tells at which place, and shows nothing of it', async () => {
    const broken = await ask('POST', '/queues', 'application/json', '{"pin": hush-4711}');
    expect(broken).toMatchObject({ status: 400, code: 'bad-request' });
    expect(broken.detail).toContain('the body is no valid JSON: ');
    expect(broken.detail).not.toContain('4711');
    const empty = await ask('POST', '/queues', 'application/json', '');
    expect(empty.detail).toBe('the body is empty; send JSON, or leave Content-Type out');
    const key = await ask('POST', '/queues', 'application/json', '{"__proto__": {}}');
    expect(key).toMatchObject({ status: 400, code: 'bad-request' });
  });

  it('of another type is 415, for prompts, too', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'audio/wav'])
      expect(await ask('POST', '/queues', type, 'name=x'), type).toMatchObject({
        status: 415,
        code: 'unsupported-media-type',
      });
    expect(await ask('PUT', '/prompts/hello', 'application/json', '{}')).toMatchObject({
      status: 415,
    });
  });

  it('nested too deep is 400, also where it comes with a key', async () => {
    const deep = (open: string, close: string) => open.repeat(10_000) + close.repeat(10_000);
    for (const body of [deep('[', ']'), deep('{"a":', ''), `[${deep('[', ']')}`]) {
      const type = { 'content-type': 'application/json' };
      const headers = { authorization, ...type, 'idempotency-key': 'deep' };
      const url = '/calls/s1/give';
      const answer = await desk.http.inject({ method: 'POST', url, headers, payload: body });
      expect(answer.statusCode).toBe(400);
      expect(answer.json()).toMatchObject({
        detail: 'the body is nested deeper than 64 levels; flatten it',
      });
    }
    const text = JSON.stringify({ agnt: '["\\"['.repeat(30) });
    const flat = await ask('POST', '/calls/s1/give', 'application/json', text);
    expect(flat.detail).toContain('did you mean "agent"?');
  });

  it('or a query with what nobody knows is told by its place', async () => {
    const body = await ask('POST', '/agents/1/pause', 'application/json', '{"reasn":"x"}');
    expect(body.detail).toBe('body: there is no field "reasn" here; did you mean "reason"?');
    const query = await ask('GET', '/agents?limt=1');
    expect(query.detail).toBe('query: there is no parameter "limt" here; did you mean "limit"?');
    const far = await ask('GET', '/agents?nobody-knows=1');
    expect(far.detail).toBe(
      'query: there is no parameter "nobody-knows" here; there are: limit, after',
    );
    const dry = await ask('DELETE', '/queues/sales?dry_run=true');
    const none = 'query: there is no parameter "dry_run" here, nor any other';
    expect(dry).toMatchObject({ status: 400, detail: none });
    expect((await ask('GET', '/agents?limit=0')).detail).toMatch(/^query \/limit: /);
  });

  it.each([
    ['/calls', '{"agent":"1"}', 'body /to: is missing'],
    ['/calls', '{"agent":1,"to":"1"}', 'body /agent: expected string, received number'],
    ['/queues', '{"name":null}', 'body /name: must be text or a number'],
    [
      '/queues',
      '{"name":"x","timout":1}',
      'body: there is no field "timout" here; did you mean "timeout"?',
    ],
    ['/queues', '{"name":"x","weight":[null]}', /^body \/weight: must be a value as in acd\.yaml/],
    [
      '/queues',
      '{"name":"x","zzzzzzzz":1}',
      /^body: there is no field "zzzzzzzz" here; there are: .* …$/,
    ],
  ])('of POST %s with %s is said in words for people', async (path, body, detail) => {
    const answer = await ask('POST', path, 'application/json', body);
    expect(answer.code).toBe('bad-request');
    expect(answer.detail).toEqual(
      typeof detail === 'string' ? detail : expect.stringMatching(detail),
    );
  });
});

describe('a filter of events', () => {
  it('that names what there is not is told so, but to who comes back', async () => {
    expect(await ask('GET', '/events?queue=sales,salse')).toMatchObject({
      ...{ status: 404, code: 'unknown-queue' },
      detail: 'there is no queue "salse"; GET /queues lists what there is',
    });
    expect(await ask('GET', '/events?agent=9')).toMatchObject({ code: 'unknown-agent' });
    await desk.http.listen({ host: '127.0.0.1', port: 0 });
    const address = desk.http.server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const given = await fetch(`http://127.0.0.1:${port}/events?queue=salse`, {
      headers: { authorization, 'last-event-id': '0' },
    });
    expect(given.status).toBe(200);
    await given.body?.cancel();
  });
});

describe('what cannot be read', () => {
  it('in a path is a problem', async () => {
    expect(await ask('GET', '/agents/%E0%A4%A')).toMatchObject({ status: 400 });
    expect(await ask('GET', `/agents/${'x'.repeat(300)}`)).toMatchObject({
      status: 400,
      detail: 'a part of the path is longer than 200 characters',
    });
  });

  it('on a connection is a problem, and the connection ends', async () => {
    await desk.http.listen({ host: '127.0.0.1', port: 0 });
    const address = desk.http.server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const say = async (text: string): Promise<string> => {
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      socket.on('data', (data) => (answer += data.toString()));
      const ended = new Promise((resolve) => socket.once('close', resolve));
      socket.write(text);
      await ended;
      return answer;
    };
    const garbage = await say('who is there\r\n\r\n');
    expect(garbage).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n[^]*"code":"bad-request"}$/);
    expect(garbage).toContain('\r\nContent-Type: application/problem+json\r\n');
    const long = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
    expect(await say(long)).toMatch(/^HTTP\/1\.1 431 [^]*"code":"headers-too-large"}$/);
  });
});

describe('the audit', () => {
  const written = (word: string) => desk.told.filter((line) => line.includes(`"${word}"`));

  it('has nothing of what is served nowhere: strangers could fill it', async () => {
    for (const url of ['/nowhere', '/queues/sales']) {
      await desk.http.inject({ method: 'PUT', url, payload: { a: 'x'.repeat(900) } });
    }
    expect(written('audit')).toEqual([]);
  });

  it('hides what was meant as a secret, however it is spelt', async () => {
    const body = JSON.stringify({ id: '9', Pin: '4711', more: { password: 'hunter2' } });
    await ask('POST', '/agents', 'application/json', body);
    const [line = ''] = written('audit');
    expect(line).not.toMatch(/4711|hunter2/);
    await desk.http.inject('/queues?access_token=in-the-query');
    expect(written('refused')[0]).toContain('"path":"/queues"');
  });
});

it('a flood of refusals writes few lines, the last of which tell how many they were', async () => {
  for (let n = 0; n < 300; n += 1) await desk.http.inject('/queues');
  const lines = desk.told.map((line) => JSON.parse(line) as { msg: string; refused?: number });
  const refused = lines.filter(({ msg }) => msg === 'refused');
  expect(refused.length).toBeLessThan(100);
  expect(refused.map(({ refused: count }) => count)).toContain(256);
});

describe('the place itself', () => {
  it('leads a browser to the page for people', async () => {
    const answer = await desk.http.inject('/');
    expect(answer.statusCode).toBe(302);
    expect(answer.headers.location).toBe('/docs');
    const page = await desk.http.inject('/docs');
    expect(page.statusCode).toBe(200);
    expect(page.body).toContain('<code>/calls/{id}/transfer</code>');
  });

  it('writes that page and its description once, however often strangers ask', async () => {
    const writes = vi.spyOn(desk.http, 'swagger');
    for (const url of ['/openapi.json', '/openapi.json', '/docs', '/docs']) {
      expect((await desk.http.inject(url)).statusCode).toBe(200);
    }
    expect(writes).toHaveBeenCalledTimes(2);
  });
});
