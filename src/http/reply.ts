/** What every route needs: the typed server, and the one form of error answers. */
import type { ZodTypeProvider } from '@fastify/type-provider-zod';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Problem } from './errors.ts';

/** Fastify with our schemas' types. */
export type Http = ReturnType<typeof typed>;

export function typed(server: FastifyInstance) {
  return server.withTypeProvider<ZodTypeProvider>();
}

/** Answers with a problem. */
export function send(reply: FastifyReply, problem: Problem): never {
  const { status, code, message } = problem;
  reply
    .code(status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ error: { code, message } });
  // Fastify takes the sent reply as the answer; the route's own type does not know of problems.
  return reply as never;
}

/** Schema of an answer without a body. */
export const noContent = z.null().describe('Done; nothing to say');
