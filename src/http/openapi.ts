/**
 * The OpenAPI document: what routes say of themselves, and what is true of all of them without any
 * having to say it: the role, an id for generators of clients, what the gate, bodies, pages and
 * repeated requests add to questions and answers.
 */
import swagger from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from '@fastify/type-provider-zod';
import type { FastifyContextConfig, FastifyInstance } from 'fastify';

interface Content {
  readonly schema?: { readonly $ref?: string; readonly type?: string };
}

interface Header {
  readonly description: string;
  readonly schema: object;
}

interface Answer {
  readonly description?: string;
  readonly content?: Record<string, Content>;
  headers?: Record<string, Header>;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly description?: string;
  readonly schema: object;
}

interface Operation {
  operationId?: string;
  parameters?: Parameter[];
  requestBody?: object;
  readonly responses?: Record<string, Answer>;
}

interface Document {
  readonly paths?: Record<string, Record<string, Operation>>;
  readonly components?: { readonly schemas?: Record<string, object> };
}

const PROBLEM = '#/components/schemas/Problem';

const answered = (description: string): Answer => ({
  description,
  content: { 'application/json': { schema: { $ref: PROBLEM } } },
});

/** What the gate may answer in place of any route. */
const AT_THE_GATE = {
  401: answered('No token where one is needed, or one that is not valid'),
  403: answered('The token may not do this, or a web page of another site asks'),
  429: answered('More requests than may be; see Retry-After'),
};

/** Every route refuses parameters that it does not have. */
const UNKNOWN_QUERY = answered('The request cannot be understood, or has an unknown parameter');

/** What may come of a body before its route sees it, also of one that nobody wants. */
const OF_BODIES = {
  413: answered('The body is too large'),
  415: answered('The body is of a type not taken here'),
};

/** What may come of an Idempotency-Key. */
const OF_KEYS = {
  409: answered('The first request with this Idempotency-Key is still under way'),
  422: answered('The Idempotency-Key came with another request before'),
  503: answered('Too many requests with an Idempotency-Key are under way'),
};

const KEY: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'One of your own for each request: sent again with it, nothing is done twice',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
};

const RESUME: Parameter = {
  name: 'Last-Event-ID',
  in: 'header',
  description: 'Go on after this number of the journal; browsers send it by themselves',
  schema: { type: 'string', pattern: '^\\d{1,15}$' },
};

const IF_MATCH: Parameter = {
  name: 'If-Match',
  in: 'header',
  description: 'The `ETag` of GET /config: where anything was changed since, 412',
  schema: { type: 'string' },
};

const text = (description: string): Header => ({ description, schema: { type: 'string' } });
const LINK = text('<…>; rel="next": where the next page is (RFC 8288); absent: this is the last');
const LOCATION = text('Where it can be seen');
const ETAG = text('The version that holds, for If-Match');
const CHALLENGE = text('What to show (RFC 6750)');
const RETRY = { description: 'Seconds to wait', schema: { type: 'integer' } };

const RETRY_LIST = { ...RETRY, description: 'Seconds to wait, where that can be told' };

/** Of one thing of a list: `queues` → `queue`. */
const singular = (word: string): string => word.replace(/s$/, '');

/** `PATCH /queues/{name}/members/{agent}` → `patchQueueMember`. */
function operationIdOf(method: string, path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  const words = parts.flatMap((part, at) => {
    if (part.startsWith('{')) return [];
    return (parts[at + 1]?.startsWith('{') === true ? singular(part) : part).split('-');
  });
  const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
  return method.toLowerCase() + words.map(capital).join('');
}

/** Where an answer has no word of the route's own for a status, that of all routes. */
function addAnswers(
  responses: Record<string, Answer>,
  more: Readonly<Record<string, Answer>>,
): void {
  for (const [status, answer] of Object.entries(more))
    responses[status] ??= structuredClone(answer);
}

function addHeaders(operation: Operation, responses: Record<string, Answer>): void {
  const isPaged = operation.parameters?.some(({ name }) => name === 'after') === true;
  const told: [status: string, name: string, header: Header][] = [
    ['201', 'Location', LOCATION],
    ['401', 'WWW-Authenticate', CHALLENGE],
    ['429', 'Retry-After', RETRY],
    ['503', 'Retry-After', RETRY_LIST],
  ];
  const isList = isPaged && responses['200']?.content?.['application/json'] !== undefined;
  if (isList) told.push(['200', 'Link', LINK]);
  if (operation.operationId === 'getConfig') told.push(['200', 'ETag', ETAG]);
  for (const [status, name, header] of told) {
    const answer = responses[status];
    if (answer !== undefined) answer.headers = { ...answer.headers, [name]: header };
  }
}

/** Problems are documented with the media type they are sent with. */
function asProblems(responses: Record<string, Answer>): void {
  for (const { content } of Object.values(responses)) {
    const json = content?.['application/json'];
    if (content === undefined || json?.schema?.$ref !== PROBLEM) continue;
    delete content['application/json'];
    content['application/problem+json'] = json;
  }
}

function complete(method: string, path: string, operation: Operation): void {
  const { responses = {} } = operation;
  operation.operationId = operationIdOf(method, path);
  addAnswers(responses, { 400: UNKNOWN_QUERY, ...AT_THE_GATE });
  if (method !== 'get') addAnswers(responses, OF_BODIES);
  const parameters = [...(operation.parameters ?? [])];
  if (method === 'post') {
    addAnswers(responses, OF_KEYS);
    parameters.push(KEY);
  }
  if (path === '/events') parameters.push(RESUME);
  if (responses['412'] !== undefined) parameters.push(IF_MATCH);
  const answer = responses['200'];
  if (answer?.content !== undefined && parameters.some(({ name }) => name === 'format')) {
    answer.content['text/csv'] = { schema: { type: 'string' } };
  }
  if (parameters.length > 0) operation.parameters = parameters;
  addHeaders(operation, responses);
  asProblems(responses);
}

/** The names of all schemas that `part` refers to. */
function* namesIn(part: unknown): Generator<string> {
  if (typeof part !== 'object' || part === null) return;
  const { $ref } = part as { $ref?: unknown };
  if (typeof $ref === 'string') yield $ref.split('/').at(-1) ?? '';
  for (const inner of Object.values(part)) yield* namesIn(inner);
}

/** Each schema is made for questions and for answers; what nothing refers to is taken out. */
function prune({ paths, components }: Document): void {
  const schemas = components?.schemas ?? {};
  const used = new Set<string>();
  const open = [...namesIn(paths)];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (used.has(name)) continue;
    used.add(name);
    open.push(...namesIn(schemas[name]));
  }
  for (const name of Object.keys(schemas)) if (!used.has(name)) delete schemas[name];
}

function completeAll<T extends object>(document: T): T {
  const whole = document as Document;
  for (const [path, operations] of Object.entries(whole.paths ?? {}))
    for (const [method, operation] of Object.entries(operations)) complete(method, path, operation);
  prune(whole);
  return document;
}

interface Told {
  readonly schema: object;
  readonly url: string;
}

/** Each operation says which role it needs. */
function withRole<T extends Told>(told: T, config: FastifyContextConfig = {}): T {
  const { needs: role = 'admin' } = config;
  const schema = told.schema as { description?: string; response?: object };
  if (role === 'anyone') return { ...told, schema: { ...schema, 'x-role': role, security: [] } };
  const needed = `Needs a token of role \`${role}\` or above, where there are tokens.`;
  const description = [schema.description, needed].filter(Boolean).join(' ');
  const security = [{ token: [] }];
  return { ...told, schema: { ...schema, description, 'x-role': role, security } };
}

const TAGS = [
  { name: 'watch', description: 'Queues, agents, calls, and what happens' },
  { name: 'steer', description: 'Agents and calls' },
  { name: 'configure', description: 'What is in acd.yaml, while calls are up' },
  { name: 'report', description: 'Figures and records of the past' },
  { name: 'operate', description: 'Is everything well? Who is kept out?' },
];

/** To be registered before the routes. */
export async function addDocument(server: FastifyInstance, version: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'ACD',
        version,
        description: 'Watch and steer the automatic call distributor.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: 'http://127.0.0.1:8242' }],
      tags: TAGS,
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Of http.tokens in acd.yaml' },
        },
      },
    },
    transform: (given) => withRole(jsonSchemaTransform(given), given.route.config),
    transformObject: (given) => completeAll(jsonSchemaTransformObject(given)),
  });
}
