/** GET /events: the event stream, see `stream.ts`. */
import { z } from 'zod';
import { actor, seesAll, type Actor } from '../actor.ts';
import { problem } from '../errors.ts';
import { needs } from '../gate.ts';
import { askerOf } from '../lists.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import { missing, narrow } from '../scope.ts';
import type { Stream } from '../stream.ts';
import type { View } from '../view.ts';

const names = (text: string) =>
  z
    .preprocess(
      (given) => (typeof given === 'string' ? given.split(',') : given),
      z.array(z.string().min(1).max(80)).max(50).default([]),
    )
    .describe(text);

const query = z.strictObject({
  queue: names('Only what concerns these queues; several: q1,q2. Default: all'),
  agent: names('Only what concerns these agents; with `queue`: both must fit. Default: all'),
  after: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional()
    .describe('As Last-Event-ID, for clients that cannot send the header'),
});

/** A name that is none would wait for ever for its first event. */
function unknownOf(view: View, queues: readonly string[], agents: readonly string[]) {
  const named = [
    ...queues.map((name) => missing(view, 'queue', name)),
    ...agents.map((id) => missing(view, 'agent', id)),
  ];
  return named.find((problem) => problem !== null) ?? null;
}

/** `isGood`: may he still read? */
export function addEvents(
  http: Http,
  view: View,
  stream: Stream,
  isGood: (who: Actor | null) => boolean,
): void {
  http.get(
    '/events',
    {
      // A HEAD would wait for the end of what never ends.
      exposeHeadRoute: false,
      config: needs('read-only'),
      schema: {
        summary: 'What happens, as it happens (server-sent events)',
        description:
          '`snapshot` first (why: first, too-old, unknown-number), then one event for each ' +
          'number of the journal. Last-Event-ID goes on after that number. `heartbeat` once ' +
          'everything so far is told, and each 15 seconds; `overflow`: you read too slowly and ' +
          'are disconnected, resume later; `denied`: your token is gone or over (noticed ' +
          'within 15 seconds).',
        tags: ['watch'],
        querystring: query,
        produces: ['text/event-stream'],
        response: { 200: z.string(), 400: errorAnswer, 404: errorAnswer, 503: errorAnswer },
      },
    },
    (request, reply) => {
      const { queue, agent: agents, after } = request.query;
      const queues = narrow(queue);
      if ('code' in queues) return send(reply, queues);
      const last = request.headers['last-event-id'] ?? after ?? null;
      if (last !== null && !/^\d{1,15}$/.test(String(last))) {
        return send(reply, problem('bad-request', 'Last-Event-ID must be a number we gave'));
      }
      // Who comes back reads on, also of what has been removed meanwhile.
      const unknown = last === null ? unknownOf(view, queues, agents) : null;
      if (unknown !== null) return send(reply, unknown);
      const asker = askerOf(request);
      if (!stream.hasPlace(asker)) {
        const told =
          'as many follow as may, or as may with this token or from this address; try again later';
        return send(reply, problem('too-many-readers', told));
      }
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value);
      }
      reply.hijack();
      const from = last === null ? null : Number(last);
      const filter = { queues, agents, isStrict: !seesAll() };
      const who = actor();
      const mayRead = () => isGood(who);
      void stream.follow(reply.raw, view, filter, from, { asker, mayRead });
      return reply as never;
    },
  );
}
