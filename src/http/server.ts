/**
 * The REST interface on fastify: routes over a View, commands through Steering, every answer of a
 * documented shape, every error of one form, every request through the gate (`gate.ts`): tokens,
 * roles, and no web pages of other sites.
 */
import { Server as TlsServer } from 'node:tls';
import { serializerCompiler } from '@fastify/type-provider-zod';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import fastify from 'fastify';
import type { ConfigPort, PromptsPort } from './config-port.ts';
import type { TlsConfig } from '../config/types.ts';
import type { Log } from '../observe/log.ts';
import type { Reports } from '../reports/port.ts';
import { z } from 'zod';
import { Access } from './access.ts';
import { takeJsonAlone } from './bodies.ts';
import { CATALOGUE } from './catalogue.ts';
import { boundConnections } from './connections.ts';
import { answerElsewhere, answerGarbage, answerUnreadable } from './elsewhere.ts';
import { problemOf } from './errors.ts';
import { Gate } from './gate.ts';
import { addIdempotency, KeyStore } from './idempotency.ts';
import { Lists } from './lists.ts';
import { addDocument } from './openapi.ts';
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
import { validatorCompiler } from './validating.ts';
import type { BansPort, LocksPort, Steering, VetoShown, View, WebhookShown } from './view.ts';

export const MAX_BODY_BYTES = 65_536;
const REQUEST_MS = 10_000;
/** Overdue requests, and connections that ask nothing, are looked for this often (Node: 30 s). */
const OVERDUE_LOOK_MS = 2_000;
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

/** Plain or TLS; to fastify both are the same. */
function listener(tls: TlsConfig | null): FastifyInstance {
  // Where headers may take longer than the request, Node never ends one whose body stops.
  const looks = {
    connectionsCheckingInterval: OVERDUE_LOOK_MS,
    headersTimeout: REQUEST_MS,
    requestTimeout: REQUEST_MS,
  };
  const https = tls && { ...looks, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' };
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
    ...(https === null ? { http: looks } : { https }),
  };
  const server = fastify(options as FastifyServerOptions);
  boundConnections(server.server, MAX_CONNECTIONS);
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
  const gate = new Gate({ access, view, whole: deps.view, log, isTls: tls !== null });
  gate.add(server);
  addIdempotency(server, new KeyStore(Date.now), (request) => gate.actorOf(request)?.name ?? '');
  await addDocument(server, deps.version);
  refuseUnknownQueries(server);
  const http = typed(server);
  addRoutes(http, deps, view);
  await http.ready();
  return http;
}
