/**
 * The REST interface on fastify: routes over a View, commands through Steering, every answer of a
 * documented shape, every error of one form. It has no login yet, so it refuses web pages of other
 * sites, and on loopback also names that merely resolve to it.
 */
import swagger from '@fastify/swagger';
import {
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  serializerCompiler,
  validatorCompiler,
} from '@fastify/type-provider-zod';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import fastify from 'fastify';
import type { ConfigPort, PromptsPort } from './config-port.ts';
import type { Log } from '../observe/log.ts';
import type { Reports } from '../reports/port.ts';
import { CATALOGUE } from './catalogue.ts';
import { NO_ROUTE, problemOf, WRONG_ORIGIN } from './errors.ts';
import { addIdempotency, KeyStore } from './idempotency.ts';
import { send, typed, type Http } from './reply.ts';
import { addAgents } from './routes/agents.ts';
import { addCallSteering } from './routes/calls-steer.ts';
import { addCalls } from './routes/calls.ts';
import { addConfig } from './routes/config.ts';
import { addEntries } from './routes/config-entries.ts';
import { addMembers } from './routes/config-members.ts';
import { addPrompts } from './routes/config-prompts.ts';
import { addReasons } from './routes/config-reasons.ts';
import { addDocs } from './routes/docs.ts';
import { addEvents } from './routes/events.ts';
import { addQueues } from './routes/queues.ts';
import { addReports } from './routes/reports.ts';
import { addStatus } from './routes/status.ts';
import { addWebhooks } from './routes/webhooks.ts';
import type { Stream } from './stream.ts';
import type { Steering, View, WebhookShown } from './view.ts';

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
  readonly log: Log;
  readonly version: string;
}

/** Host of `host:port`, without brackets. */
function hostOf(authority: string): string {
  return authority
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * A browser adds Origin to what a page of another site sends (the page cannot leave it out), and
 * a name that was rebound to 127.0.0.1 shows in Host.
 */
export function isForeign(request: FastifyRequest): boolean {
  const host = request.headers.host ?? '';
  const { origin } = request.headers;
  if (typeof origin === 'string' && origin !== `http://${host}` && origin !== `https://${host}`) {
    return true;
  }
  const local = request.socket.localAddress?.replace(/^::ffff:/, '') ?? '';
  return isLoopback(local) && host !== '' && !isLoopback(hostOf(host));
}

interface Content {
  readonly content?: Record<string, { readonly schema?: { readonly $ref?: string } }>;
}

/** Problems are documented with the media type they are sent with. */
function asProblems<T extends object>(document: T): T {
  const { paths = {} } = document as { paths?: Record<string, Record<string, unknown>> };
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    const { responses = {} } = operation as { responses?: Record<string, Content> };
    for (const { content } of Object.values(responses)) {
      const json = content?.['application/json'];
      if (content === undefined || json?.schema?.$ref !== '#/components/schemas/Problem') continue;
      delete content['application/json'];
      content['application/problem+json'] = json;
    }
  }
  return document;
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
    },
    transform: jsonSchemaTransform,
    transformObject: (given) => asProblems(jsonSchemaTransformObject(given)),
  });
}

/** Builds the server; `listen` or `inject` it. */
export async function createHttp(deps: HttpDeps): Promise<Http> {
  const server = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_MS,
    connectionTimeout: REQUEST_MS * 6,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
  });
  server.server.maxConnections = MAX_CONNECTIONS;
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  server.setNotFoundHandler((_request, reply) => send(reply, NO_ROUTE));
  server.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error);
    if (CATALOGUE[problem.code].status >= 500) {
      deps.log.error({ err: error, path: request.url.slice(0, 200) }, 'request failed');
    }
    return send(reply, problem);
  });
  server.addHook('onRequest', async (request, reply) => {
    if (isForeign(request)) return send(reply, WRONG_ORIGIN);
    return undefined;
  });
  addIdempotency(server, new KeyStore(Date.now));
  await addDocuments(server, deps.version);
  const http = typed(server);
  addQueues(http, deps.view);
  addCalls(http, deps.view);
  addCallSteering(http, deps.view, deps.steering.calls);
  addAgents(http, deps.view, deps.steering);
  addEvents(http, deps.view, deps.stream);
  addWebhooks(http, deps.webhooks ?? (() => []));
  addReports(http, deps.reports);
  addStatus(http, deps.view);
  addConfig(http, deps.configuration);
  addEntries(http, deps.configuration);
  addReasons(http, deps.configuration);
  addMembers(http, deps.configuration);
  addPrompts(http, deps.prompts);
  addDocs(http);
  await http.ready();
  return http;
}
