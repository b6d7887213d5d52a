/** Who may not log in for now, as too many wrong PINs were tried; and an admin's lifting it. */
import { z } from 'zod';
import { seesAll } from '../actor.ts';
import { problem } from '../errors.ts';
import { needs } from '../gate.ts';
import { noContent, send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import type { LocksPort } from '../view.ts';

const kind = z.enum(['agent', 'phone']).describe('The agent tried for, or the phone that tried');
const lockAnswer = z
  .object({
    kind,
    name: z.string().describe('Id of the agent, or SIP URI of the phone'),
    ends_in_seconds: z.number().int(),
  })
  .meta({ id: 'Lock' });

/** A token of some queues would learn of agents and phones that are not theirs. */
const OF_ALL = problem('out-of-scope', 'locks are of all agents and phones');

export function addLocks(http: Http, locks: LocksPort): void {
  http.get(
    '/locks',
    {
      config: needs('supervisor'),
      schema: {
        summary: 'Agents and phones that cannot log in for now: too many wrong PINs',
        tags: ['watch'],
        response: { 200: z.object({ locks: z.array(lockAnswer) }), 403: errorAnswer },
      },
    },
    (_request, reply) => {
      if (!seesAll()) return send(reply, OF_ALL);
      const shown = locks.list().map(({ kind: what, name, endsInMs }) => ({
        kind: what,
        name,
        ends_in_seconds: Math.ceil(endsInMs / 1000),
      }));
      return { locks: shown };
    },
  );
  http.delete(
    '/locks/:kind/:name',
    {
      config: needs('admin'),
      schema: {
        summary: 'Let an agent or a phone log in again',
        tags: ['steer'],
        params: z.object({ kind, name: z.string() }),
        response: { 204: noContent, 400: errorAnswer, 403: errorAnswer, 404: errorAnswer },
      },
    },
    async (request, reply) => {
      if (!seesAll()) return send(reply, OF_ALL);
      const { kind: what, name } = request.params;
      if (locks.lift(what, name)) return reply.code(204).send(null);
      const detail = `there is no ${what} "${name.slice(0, 80)}" that is locked; GET /locks lists`;
      return send(reply, problem('unknown-lock', detail));
    },
  );
}
