/**
 * Goal: what `/openapi.json` says is what is served: every route is in it with its role, refuses
 * what does not fit its schema, and answers nothing that it does not say. Method: the document of
 * the server itself is walked, so that no route can be forgotten; an invented house behind it.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CATALOGUE, type ErrorCode } from '../../../src/http/catalogue.ts';
import { entry, openDesk, tokenOf, type Desk } from './house.ts';

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly 'x-role'?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content?: Record<string, unknown>;
    readonly required?: boolean;
  };
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>;
}
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
interface Route {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly operation: Operation;
}

let desk: Desk;
beforeEach(async () => {
  desk = await openDesk([entry('boss', 'admin')]);
});
afterEach(() => desk.http.close());

function routes(): Route[] {
  const { paths = {} } = desk.http.swagger() as { paths?: Record<string, object> };
  return Object.entries(paths).flatMap(([path, all]) =>
    Object.entries(all).map(([verb, operation]): Route => {
      const method = verb.toUpperCase() as Method;
      return { name: `${method} ${path}`, method, path, operation: operation as Operation };
    }),
  );
}

const takesJson = ({ operation }: Route): boolean =>
  operation.requestBody?.content?.['application/json'] !== undefined;

/** With values in it; a stream, and reports that are not there, are refused for their question. */
function filled(path: string): string {
  if (path === '/events') return '/events?after=x';
  return `${path.replace(/\{[a-z]+\}/gi, '1')}${path.startsWith('/reports/') ? '?to=x' : ''}`;
}

async function ask({ method, path }: Pick<Route, 'method' | 'path'>, body?: string) {
  const authorization = `Bearer ${tokenOf('boss')}`;
  const type = body === undefined ? {} : { 'content-type': 'application/json' };
  const payload = body === undefined ? {} : { payload: body };
  const headers = { authorization, ...type };
  return desk.http.inject({ method, url: filled(path), headers, ...payload });
}

describe('the document', () => {
  it('has every route that is served, and no other, each with its role and what it does', () => {
    const served = desk.http.gated
      .filter(({ method }) => method !== 'HEAD')
      .map(({ method, url }) => `${method} ${url.replace(/:([a-z]+)/gi, '{$1}')}`);
    const told = routes().map(({ name }) => name);
    const isPage = (name: string) => /^GET \/(openapi\.json|docs|errors|$)/.test(name);
    expect(served.filter((name) => !told.includes(name) && !isPage(name))).toEqual([]);
    expect(told.filter((name) => !served.includes(name))).toEqual([]);
    for (const { name, operation } of routes()) {
      expect(operation.summary, name).toBeTruthy();
      expect(operation['x-role'], name).toBeTruthy();
    }
    for (const name of ['POST /agents/{id}/login', 'GET /bans', 'DELETE /bans/{source}'])
      expect(told).toContain(name);
  });
});

/** All objects in a part of the document. */
function* partsOf(part: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (typeof part !== 'object' || part === null) return;
  yield part as Readonly<Record<string, unknown>>;
  for (const inner of Object.values(part)) yield* partsOf(inner);
}

describe('the document, to a generator of clients,', () => {
  it('refers to schemas that there are, and has none that nothing refers to', () => {
    const document = desk.http.swagger() as { components?: { schemas?: object } };
    const refs = [...partsOf(document)].flatMap(({ $ref }) =>
      typeof $ref === 'string' ? [$ref] : [],
    );
    const there = Object.keys(document.components?.schemas ?? {});
    const meant = new Set(refs.map((ref) => ref.replace('#/components/schemas/', '')));
    expect([...meant].sort()).toEqual([...there].sort());
  });

  it('has an id of its own for each route', () => {
    const ids = routes().map(({ operation }) => operation.operationId ?? '');
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+([A-Z][a-z]+)+$/);
    const named = ['getQueues', 'getQueue', 'patchQueueMember', 'postAgentWrapupExtend'];
    expect(ids).toEqual(expect.arrayContaining(named));
  });

  it('says what each option of a queue is, as the reference does', () => {
    const { operation } = routes().find(({ name }) => name === 'POST /queues')!;
    const body = operation.requestBody?.content?.['application/json'] as {
      readonly schema: { readonly properties: Record<string, { readonly description?: string }> };
    };
    const { properties } = body.schema;
    const silent = Object.keys(properties).filter((key) => !properties[key]?.description);
    expect(silent).toEqual([]);
    expect(properties['wrapuptime']?.description).toContain('Rest of an agent');
  });

  it('is written in English', () => {
    for (const { operation } of routes()) expect(operation.summary).not.toMatch(/\ba [aeio]/);
  });

  it('says of each group of routes what it is', () => {
    const { tags = [] } = desk.http.swagger() as { tags?: { name: string }[] };
    const used = routes().flatMap(({ operation }) => operation.tags ?? []);
    expect(new Set(used)).toEqual(new Set(tags.map(({ name }) => name)));
  });

  it('tells what is true of all: keys, types of bodies, pages, files', () => {
    for (const { name, method, operation } of routes()) {
      const statuses = Object.keys(operation.responses);
      const told = method === 'GET' ? ['400', '401', '429'] : ['400', '401', '413', '415', '429'];
      expect(statuses, name).toEqual(expect.arrayContaining(told));
      const headers = (operation.parameters ?? []).filter((one) => one.in === 'header');
      const isPost = method === 'POST';
      expect(
        headers.some((one) => one.name === 'Idempotency-Key'),
        name,
      ).toBe(isPost);
      if (isPost) expect(statuses, name).toEqual(expect.arrayContaining(['409', '422', '503']));
    }
    const known = new Map(routes().map((route) => [route.name, route.operation]));
    expect(known.get('GET /calls')?.responses['200']).toHaveProperty('headers.Link');
    expect(known.get('POST /calls')?.responses['201']).toHaveProperty('headers.Location');
    expect(known.get('GET /config')?.responses['200']).toHaveProperty('headers.ETag');
    for (const [name, { tags, parameters = [] }] of known) {
      const isMatched = parameters.some((one) => one.name === 'If-Match');
      expect(isMatched, name).toBe(tags?.[0] === 'configure' && !name.startsWith('GET'));
    }
    expect(known.get('PUT /prompts/{key}')?.requestBody?.content).toHaveProperty(['audio/wav']);
    const csv = known.get('GET /reports/queues')?.responses['200']?.content ?? {};
    expect(Object.keys(csv)).toEqual(['application/json', 'text/csv']);
  });
});

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** What of a value is not as the schema says; null: nothing. A key too many is wrong, too. */
function wrongOf(value: unknown, schema: Schema, at: string): string | null {
  if (schema.$ref !== undefined) {
    const { components } = desk.http.swagger() as {
      components: { schemas: Record<string, Schema> };
    };
    const found = components.schemas[schema.$ref.split('/').at(-1) ?? ''];
    return found === undefined ? `${at}: no ${schema.$ref}` : wrongOf(value, found, at);
  }
  if (schema.anyOf !== undefined) {
    const all = schema.anyOf.map((each) => wrongOf(value, each, at));
    return all.includes(null) ? null : (all[0] ?? null);
  }
  const type = typeOf(value);
  const types = [schema.type ?? []].flat().map((one) => (one === 'integer' ? 'number' : one));
  if (types.length > 0 && !types.includes(type)) return `${at}: ${type}, not ${types.join()}`;
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `${at}: ${String(value)}`;
  const { items, properties } = schema;
  if (Array.isArray(value) && items !== undefined)
    return value.map((each, n) => wrongOf(each, items, `${at}[${n}]`)).find(Boolean) ?? null;
  if (type !== 'object' || properties === undefined) return null;
  const held = value as Readonly<Record<string, unknown>>;
  const missing = (schema.required ?? []).find((key) => !Object.hasOwn(held, key));
  if (missing !== undefined) return `${at}.${missing} is missing`;
  const wrong = Object.entries(held).map(([key, each]) => {
    const own = properties[key];
    return own === undefined ? `${at}.${key} is not told` : wrongOf(each, own, `${at}.${key}`);
  });
  return wrong.find((one) => one !== null) ?? null;
}

describe('every route', () => {
  it('answers what its schema says, with every key, and no other', async () => {
    const seen: string[] = [];
    for (const route of routes()) {
      if (route.path === '/events' || route.path.startsWith('/reports')) continue;
      const path = route.path.replace('{name}', 'sales').replace('{id}', '1');
      const url = path.startsWith('/calls/1') ? path.replace('1', 's1') : path;
      const headers = { authorization: `Bearer ${tokenOf('boss')}` };
      const answer = await desk.http.inject({ method: route.method, url, headers });
      const told = route.operation.responses[String(answer.statusCode)]?.content ?? {};
      const [media] = Object.values(told) as ({ schema?: Schema } | undefined)[];
      if (media?.schema === undefined || !answer.body.startsWith('{')) continue;
      expect(wrongOf(answer.json(), media.schema, route.name)).toBeNull();
      if (answer.statusCode < 300) seen.push(route.name);
    }
    expect(seen).toEqual(
      expect.arrayContaining([
        ...['GET /queues', 'GET /queues/{name}', 'GET /agents/{id}', 'GET /calls/{id}'],
        ...['GET /health', 'GET /ready', 'GET /errors', 'POST /agents/{id}/pause'],
      ]),
    );
  });

  it('that takes JSON refuses unknown fields, other shapes, and what is no JSON', async () => {
    const taking = routes().filter(takesJson);
    expect(taking.length).toBeGreaterThan(15);
    for (const route of taking) {
      for (const body of ['{"nobody-knows":1}', '["a"]', '"text"', '{"a":', '7']) {
        const answer = await ask(route, body);
        expect(answer.statusCode, `${route.name} ${body}`).toBe(400);
        expect(answer.json(), route.name).toMatchObject({ code: 'bad-request', status: 400 });
      }
    }
    expect(desk.done).toEqual([]);
  });

  it('answers nothing but what it says it may, and its problems are of the catalogue', async () => {
    for (const route of routes()) {
      const bodies = takesJson(route) ? [undefined, '{}', '{"nobody-knows":1}'] : [undefined];
      for (const body of bodies) {
        const answer = await ask(route, body);
        const { statusCode: status } = answer;
        const what = `${route.name} ${body ?? ''}: ${status} ${answer.body.slice(0, 200)}`;
        expect(Object.keys(route.operation.responses), what).toContain(String(status));
        if (status < 400) continue;
        expect(answer.headers['content-type'], what).toBe('application/problem+json');
        const { code, type } = answer.json<{ code: ErrorCode; type: string }>();
        expect(CATALOGUE[code].status, what).toBe(status);
        expect(type).toBe(`/errors/${code}`);
      }
    }
  });
});
