/**
 * The REST interface on fastify: routes over a View, commands through Steering, every answer of a
 * documented shape, every error of one form, every request through the gate (`gate.ts`): tokens,
 * roles, and no web pages of other sites.
 */
import { Server as TlsServer } from 'node:tls';
import swagger from '@fastify/swagger';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from '@fastify/type-provider-zod';
import type {
  FastifyContextConfig,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifyServerOptions,
} from 'fastify';
import fastify from 'fastify';
import type { ConfigPort, PromptsPort } from './config-port.ts';
import type { TlsConfig } from '../config/types.ts';
import type { Log } from '../observe/log.ts';
import type { Reports } from '../reports/port.ts';
import { z } from 'zod';
import { Access } from './access.ts';
import { takeJsonAlone } from './bodies.ts';
import { CATALOGUE } from './catalogue.ts';
import { answerElsewhere, answerGarbage, answerUnreadable } from './elsewhere.ts';
import { problemOf } from './errors.ts';
import { Gate } from './gate.ts';
import { addIdempotency, KeyStore } from './idempotency.ts';
import { Lists } from './lists.ts';
import { send, typed, type Http } from './reply.ts';
import { addAgents, addAgentSteering } from './routes/agents.ts';
import { addBans } from './routes/bans.ts';
import { addCallSteering } from './routes/calls-steer.ts';
import { addCalls, addDialling } from './routes/calls.ts';
import { addConfig } from './routes/config.ts';
import { addEntries } from './routes/config-entries.ts';
import { addMembers } from './routes/config-members.ts';
import { addPrompts } from './routes/config-prompts.ts';
import { addReasons } from './routes/config-reasons.ts';
import { addDocs } from './routes/docs.ts';
import { addEvents } from './routes/events.ts';
import { addLocks } from './routes/locks.ts';
import { addQueues } from './routes/queues.ts';
import { addReports } from './routes/reports.ts';
import { addStatus } from './routes/status.ts';
import { addVetoes, addWebhooks } from './routes/webhooks.ts';
import { scopeView } from './scope.ts';
import type { Stream } from './stream.ts';
import type { BansPort, LocksPort, Steering, VetoShown, View, WebhookShown } from './view.ts';

export const MAX_BODY_BYTES = 65_536;
const REQUEST_MS = 10_000;
const MAX_CONNECTIONS = 1_000;

export interface HttpDeps {
  readonly view: View;
  readonly steering: Steering;
  readonly configuration: ConfigPort;
  readonly prompts: PromptsPort;
  readonly reports: Reports;
  readonly stream: Stream;
  /** How the receivers of events do; absent: there are none. */
  readonly webhooks?: () => readonly WebhookShown[];
  /** How the vetoes of queues do; absent: there are none. */
  readonly vetoes?: () => readonly VetoShown[];
  readonly log: Log;
  readonly version: string;
  /** Absent: nobody is ever locked. */
  readonly locks?: LocksPort;
  /** Absent: nobody is ever banned. */
  readonly bans?: BansPort;
  /** Absent: no tokens, everybody who reaches it may do everything. */
  readonly access?: Access;
  /** Null or absent: HTTP. */
  readonly tls?: TlsConfig | null;
}

interface Content {
  readonly content?: Record<string, { readonly schema?: { readonly $ref?: string } }>;
}

interface Operation {
  readonly requestBody?: unknown;
  readonly responses?: Record<string, Content>;
  readonly security?: readonly object[];
}

const atTheGate = (description: string): Content & { readonly description: string } => ({
  description,
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } },
});

/** What the gate may answer in place of a route. */
const AT_THE_GATE = {
  401: atTheGate('No token, or one that is not valid'),
  403: atTheGate('The token may not do this'),
  429: atTheGate('More requests than may be; see Retry-After'),
};

/** Every route refuses parameters that it does not have. */
const UNKNOWN_QUERY = atTheGate('The request cannot be understood, or has an unknown parameter');

/** What may come of a body before its route sees it. */
const OF_BODIES = {
  413: atTheGate('The body is too large'),
  415: atTheGate('The body is of a type not taken here'),
};

/** Problems are documented with the media type they are sent with. */
function asProblems<T extends object>(document: T): T {
  const { paths = {} } = document as { paths?: Record<string, Record<string, unknown>> };
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    const { responses = {}, security = [], requestBody } = operation as Operation;
    responses['400'] ??= structuredClone(UNKNOWN_QUERY);
    if (requestBody !== undefined) Object.assign(responses, structuredClone(OF_BODIES));
    if (security.length > 0) Object.assign(responses, structuredClone(AT_THE_GATE));
    for (const { content } of Object.values(responses)) {
      const json = content?.['application/json'];
      if (content === undefined || json?.schema?.$ref !== '#/components/schemas/Problem') continue;
      delete content['application/json'];
      content['application/problem+json'] = json;
    }
  }
  return document;
}

interface Told {
  readonly schema: object;
  readonly url: string;
}

/** Each operation says which role it needs, and what it answers where that is missing. */
function withRole<T extends Told>(told: T, config: FastifyContextConfig = {}): T {
  const { needs: role = 'admin' } = config;
  const schema = told.schema as { description?: string; response?: object };
  if (role === 'anyone') return { ...told, schema: { ...schema, 'x-role': role, security: [] } };
  const needed = `Needs a token of role \`${role}\` or above, where there are tokens.`;
  const description = [schema.description, needed].filter(Boolean).join(' ');
  const security = [{ token: [] }];
  return { ...told, schema: { ...schema, description, 'x-role': role, security } };
}

async function addDocuments(server: FastifyInstance, version: string): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'ACD',
        version,
        description: 'Watch and steer the automatic call distributor.',
      },
      servers: [{ url: 'http://127.0.0.1:8242' }],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Of http.tokens in acd.yaml' },
        },
      },
    },
    transform: (given) => withRole(jsonSchemaTransform(given), given.route.config),
    transformObject: (given) => asProblems(jsonSchemaTransformObject(given)),
  });
}

/** Plain or TLS; to fastify both are the same. */
function listener(tls: TlsConfig | null): FastifyInstance {
  const https = tls && { cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' };
  const options: object = {
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_MS,
    connectionTimeout: REQUEST_MS * 6,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors: (error: Error, _request: FastifyRequest, reply: FastifyReply) =>
      answerUnreadable(error, reply, tls !== null),
    clientErrorHandler: answerGarbage,
    // Else fastify loads compilers of its own, which nobody asks, while callers wait for a restart.
    schemaController: {
      compilersFactory: {
        buildValidator: () => validatorCompiler,
        buildSerializer: () => serializerCompiler,
      },
    },
    ...(https === null ? {} : { https }),
  };
  const server = fastify(options as FastifyServerOptions);
  server.server.maxConnections = MAX_CONNECTIONS;
  return server;
}

/** Another certificate for connections from now on. */
export function renewCertificate(http: Http, { cert, key }: TlsConfig): void {
  const { server } = http as { readonly server: object };
  if (server instanceof TlsServer) server.setSecureContext({ cert, key, minVersion: 'TLSv1.2' });
}

/** `DELETE /queues/x?dry_run=true` must not delete: a route without parameters takes none. */
function refuseUnknownQueries(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    const { schema } = route;
    if (schema === undefined || schema.hide === true || schema.querystring !== undefined) return;
    route.schema = { ...schema, querystring: z.strictObject({}) };
  });
}

function addRoutes(http: Http, deps: HttpDeps, view: View): void {
  const { steering, configuration } = deps;
  const lists = new Lists();
  addQueues(http, view, lists);
  addCalls(http, view, lists);
  addDialling(http, view, steering.calls);
  addCallSteering(http, view, steering.calls);
  addAgents(http, view, lists);
  addAgentSteering(http, view, steering);
  addEvents(http, view, deps.stream, (who) => deps.access?.isGood(who) ?? true);
  addWebhooks(http, deps.webhooks ?? (() => []));
  addVetoes(http, deps.vetoes ?? (() => []));
  addReports(http, deps.reports, view);
  addStatus(http, deps.view);
  addLocks(http, deps.locks ?? { list: () => [], lift: () => false });
  addBans(http, deps.bans ?? { list: () => [], lift: () => false });
  addConfig(http, configuration);
  addEntries(http, configuration);
  addReasons(http, configuration);
  addMembers(http, configuration);
  void http.register(async (apart) => addPrompts(typed(apart), deps.prompts));
  addDocs(http);
}

/** Builds the server; `listen` or `inject` it. */
export async function createHttp(deps: HttpDeps): Promise<Http> {
  const { log, tls = null } = deps;
  const access = deps.access ?? new Access({ tokens: [], rateLimit: 0 }, Date.now);
  const view = scopeView(deps.view);
  const server = listener(tls);
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  takeJsonAlone(server);
  server.setNotFoundHandler((request, reply) => answerElsewhere(server.gated, request, reply));
  server.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    if (CATALOGUE[problem.code].status >= 500) {
      log.error({ err: error, path: request.url.slice(0, 200) }, 'request failed');
    }
    return send(reply, problem);
  });
  const gate = new Gate({ access, view, log, isTls: tls !== null });
  gate.add(server);
  addIdempotency(server, new KeyStore(Date.now), (request) => gate.actorOf(request)?.name ?? '');
  await addDocuments(server, deps.version);
  refuseUnknownQueries(server);
  const http = typed(server);
  addRoutes(http, deps, view);
  await http.ready();
  return http;
}
