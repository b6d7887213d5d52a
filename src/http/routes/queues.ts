/** GET /queues and GET /queues/:name: the lines and who is in them. */
import { z } from 'zod';
import { notFound } from '../errors.ts';
import { needs } from '../gate.ts';
import { linkNext, pageOf, paging } from '../pages.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer, queueAnswer, queueDetail } from '../schemas.ts';
import type { View } from '../view.ts';

export function addQueues(http: Http, view: View): void {
  http.get(
    '/queues',
    {
      config: needs('read-only'),
      schema: {
        summary: 'All queues and their calls',
        tags: ['watch'],
        querystring: z.strictObject(paging),
        response: { 200: z.object({ queues: z.array(queueAnswer) }), 400: errorAnswer },
      },
    },
    (request, reply) => {
      const found = pageOf(view.queues(), (queue) => queue.name, request.query);
      if ('code' in found) return send(reply, found);
      linkNext(request, reply, found.next);
      return { queues: found.page };
    },
  );
  http.get(
    '/queues/:name',
    {
      config: needs('read-only'),
      schema: {
        summary: 'One queue, with its members and how each stands in it',
        tags: ['watch'],
        params: z.object({ name: z.string() }),
        response: { 200: queueDetail, 404: errorAnswer },
      },
    },
    (request, reply) => {
      const { name } = request.params;
      return view.queue(name) ?? send(reply, notFound('queue', name));
    },
  );
}
