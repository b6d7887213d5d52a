/**
 * The gate before every route: is the page of this site, is the token good, has it the role that
 * the route names beside its schema (a route that names none is for admins), is what the request
 * names in its scope. Behind it the request runs as its actor, and each change is told to the log:
 * who, from where, what, how what it is about stood before it and after, and what came of it.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isLoopbackHost } from '../config/http-access.ts';
import { HIDDEN_PIN } from '../config/document.ts';
import type { Log } from '../observe/log.ts';
import { Rates } from '../shared/rate.ts';
import type { Access, NeededRole } from './access.ts';
import { actAs, byWhom, type Actor } from './actor.ts';
import { WRONG_ORIGIN } from './errors.ts';
import { send } from './reply.ts';
import { isChange, scopeProblem } from './scope.ts';
import { standingOf, type Standing } from './standing.ts';
import type { View } from './view.ts';

/** A route, and what it needs; null: it names nothing, and is for admins. */
export interface GatedRoute {
  readonly method: string;
  readonly url: string;
  readonly needs: NeededRole | null;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** All routes with the roles they name. */
    gated: readonly GatedRoute[];
  }
  interface FastifyContextConfig {
    /** Least role that may use the route; absent: admin. */
    needs?: NeededRole;
  }
}

/** The role that a route needs, beside its schema. */
export function needs(role: NeededRole): { readonly needs: NeededRole } {
  return { needs: role };
}

export interface GateDeps {
  readonly access: Access;
  /** Scoped. */
  readonly view: View;
  /** Of everything, for the audit. */
  readonly whole: View;
  readonly log: Log;
  readonly isTls: boolean;
}

/** So much of a body is told to the log. */
const TOLD_MAX = 1_000;
/** So many refusals are told to the log, each by a line. */
const LINES = { perSecond: 5, burst: 50, max: 1 };

/** Host of `host:port`, without brackets. */
function hostOf(authority: string): string {
  return authority
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
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
  return isLoopbackHost(local) && host !== '' && !isLoopbackHost(hostOf(host));
}

/** What keeps a browser from making more of an answer than it is. */
export function guardBrowsers(reply: FastifyReply, isTls: boolean): void {
  void reply.headers({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    ...(isTls ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  });
}

/** What is meant to be a secret, also where it is misspelt and refused. */
const SECRET = /pin|passw|secret|token/i;

/** A body as it may be told: secrets hidden, files by their length, not too long. */
function toldBody({ body }: FastifyRequest): string {
  if (body === undefined || body === null) return '';
  if (Buffer.isBuffer(body)) return `${body.length} bytes`;
  const hide = (key: string, value: unknown) => (SECRET.test(key) ? HIDDEN_PIN : value);
  return JSON.stringify(body, hide).slice(0, TOLD_MAX);
}

const pathOf = ({ url }: FastifyRequest): string => url.slice(0, 200);

export class Gate {
  readonly #deps: GateDeps;
  readonly #actors = new WeakMap<FastifyRequest, Actor>();
  readonly #audited = new WeakSet<FastifyRequest>();
  /** Of changes that came so far as to their route. */
  readonly #before = new WeakMap<FastifyRequest, Standing>();
  readonly #lines = new Rates(() => performance.now(), LINES);
  #refused = 0;

  constructor(deps: GateDeps) {
    this.#deps = deps;
  }

  /** Who asks; only behind the gate. */
  actorOf(request: FastifyRequest): Actor | null {
    return this.#actors.get(request) ?? null;
  }

  add(server: FastifyInstance): void {
    const { view, whole, isTls } = this.#deps;
    const gated: GatedRoute[] = [];
    server.decorate('gated', gated);
    server.addHook('onRoute', ({ method, url, config }) => {
      for (const one of [method].flat()) {
        gated.push({ method: one, url, needs: config?.needs ?? null });
      }
    });
    server.addHook('onRequest', async (request, reply) => {
      guardBrowsers(reply, isTls);
      // On a connection that is gone no answer is ever over: onResponse is not called.
      reply.raw.once('close', () => {
        if (reply.raw.writableFinished) return;
        this.#audit(request, { status: null, aborted: true });
      });
      if (isForeign(request)) return send(reply, WRONG_ORIGIN);
      return this.#admit(request, reply);
    });
    server.addHook('preHandler', (request, reply, done) => {
      const who = this.actorOf(request);
      if (who === null) return done();
      actAs(who, () => {
        const problem = scopeProblem(who, request, view);
        if (problem !== null) return void send(reply, problem);
        if (isChange(request)) this.#before.set(request, standingOf(request, whole));
        done();
      });
    });
    // Exactly one line for each: with the answer, or when whoever asked left before it. What he
    // ordered may be done all the same; its events bear his name.
    server.addHook('onResponse', (request, reply, done) => {
      const { statusCode: status, elapsedTime } = reply;
      this.#audit(request, { status, ms: Math.round(elapsedTime) });
      done();
    });
  }

  #audit(request: FastifyRequest, outcome: object): void {
    const who = this.actorOf(request);
    if (who === null || !isChange(request) || this.#audited.has(request)) return;
    // What is served nowhere changes nothing, and strangers may ask for it.
    if (request.is404) return;
    this.#audited.add(request);
    const { method } = request;
    const told = { by: byWhom(who), from: who.address, method, path: pathOf(request) };
    const body = toldBody(request);
    this.#deps.log.info({ ...told, body, ...this.#changeOf(request), ...outcome }, 'audit');
  }

  #changeOf(request: FastifyRequest): object {
    const before = this.#before.get(request);
    if (before === undefined || Object.keys(before).length === 0) return {};
    return { before, after: standingOf(request, this.#deps.whole) };
  }

  #admit(request: FastifyRequest, reply: FastifyReply): undefined {
    const { access, log } = this.#deps;
    const address = request.ip;
    // Whatever is served nowhere is told so to everybody; it counts as any other request.
    const role = request.is404 ? 'anyone' : (request.routeOptions.config.needs ?? 'admin');
    const admitted = access.admit(request.headers.authorization ?? '', address, role);
    if ('actor' in admitted) {
      this.#actors.set(request, admitted.actor);
      return undefined;
    }
    const { problem, challenge, retrySeconds } = admitted.refused;
    if (challenge !== '') void reply.header('www-authenticate', challenge);
    if (retrySeconds > 0) void reply.header('retry-after', retrySeconds);
    this.#refused += 1;
    // A flood of them writes few lines: beyond its rate each power of two is told.
    const isFew = problem.code !== 'too-many-requests' && this.#lines.take('') === 0;
    if (isFew || (this.#refused & (this.#refused - 1)) === 0) {
      // Its query may be where somebody put his token.
      const [path] = pathOf(request).split('?');
      const told = { from: address, method: request.method, path };
      log.warn({ ...told, code: problem.code, refused: this.#refused }, 'refused');
    }
    return send(reply, problem);
  }
}
