/** Addresses whose new SIP requests get no answer for a time; and an admin's lifting it. */
import { z } from 'zod';
import { seesAll } from '../actor.ts';
import { problem } from '../errors.ts';
import { needs } from '../gate.ts';
import { noContent, send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import type { BansPort } from '../view.ts';

const banAnswer = z
  .object({
    source: z.string().describe('An IPv4 address, or the /64 of an IPv6 one'),
    why: z
      .enum(['passwords', 'flood'])
      .describe(
        'passwords: wrong ones for `sip.users`. flood: more requests than it may, for long',
      ),
    ends_in_seconds: z.number().int(),
  })
  .meta({ id: 'Ban' });

const OF_ALL = problem('out-of-scope', 'bans are of all callers');

export function addBans(http: Http, bans: BansPort): void {
  http.get(
    '/bans',
    {
      config: needs('supervisor'),
      schema: {
        summary: 'Addresses whose calls and logins get no answer for now',
        tags: ['watch'],
        response: { 200: z.object({ bans: z.array(banAnswer) }), 403: errorAnswer },
      },
    },
    (_request, reply) => {
      if (!seesAll()) return send(reply, OF_ALL);
      const shown = bans.list().map(({ source, why, endsInMs }) => ({
        source,
        why,
        ends_in_seconds: Math.ceil(endsInMs / 1000),
      }));
      return { bans: shown };
    },
  );
  http.delete(
    '/bans/:source',
    {
      config: needs('admin'),
      schema: {
        summary: 'Take calls from an address again',
        description: 'By `source` as `GET /bans` has it (percent-encoded), or an address in it.',
        tags: ['steer'],
        params: z.object({ source: z.string() }),
        response: { 204: noContent, 403: errorAnswer, 404: errorAnswer },
      },
    },
    async (request, reply) => {
      if (!seesAll()) return send(reply, OF_ALL);
      const { source } = request.params;
      if (bans.lift(source)) return reply.code(204).send(null);
      const detail = `"${source.slice(0, 80)}" is not banned; GET /bans lists who is`;
      return send(reply, problem('unknown-ban', detail));
    },
  );
}
