/**
 * What every route needs: the typed server, and the one form of error answers: RFC 9457,
 * application/problem+json, with the code of the catalogue beside the members of the RFC.
 */
import type { ZodTypeProvider } from '@fastify/type-provider-zod';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { CATALOGUE, typeOf } from './catalogue.ts';
import type { Problem } from './errors.ts';

/** Fastify with our schemas' types. */
export type Http = ReturnType<typeof typed>;

export function typed(server: FastifyInstance) {
  return server.withTypeProvider<ZodTypeProvider>();
}

/** Answers with a problem. */
export function send(reply: FastifyReply, { code, detail }: Problem): never {
  const { status, title } = CATALOGUE[code];
  reply
    .code(status)
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send({ type: typeOf(code), title, status, detail, code });
  // Fastify takes the sent reply as the answer; the route's own type does not know of problems.
  return reply as never;
}
