/** GET /queues and GET /queues/:name: the lines and who is in them. */
import { z } from 'zod';
import { notFound } from '../errors.ts';
import { needs } from '../gate.ts';
import type { Lists } from '../lists.ts';
import { pageOf, paging } from '../pages.ts';
import type { Http } from '../reply.ts';
import { errorAnswer, queueAnswer, queueDetail } from '../schemas.ts';
import type { View } from '../view.ts';

const queuesAnswer = z.object({ queues: z.array(queueAnswer) });

export function addQueues(http: Http, view: View, lists: Lists): void {
  http.get(
    '/queues',
    {
      config: needs('read-only'),
      schema: {
        summary: 'All queues and their calls',
        tags: ['watch'],
        querystring: z.strictObject(paging),
        response: { 200: queuesAnswer, 400: errorAnswer, 503: errorAnswer },
      },
    },
    (request, reply) =>
      lists.answer(request, reply, queuesAnswer, () => {
        const found = pageOf(view.queues(), (queue) => queue.name, request.query);
        return 'code' in found ? found : { body: { queues: found.page }, next: found.next };
      }),
  );
  http.get(
    '/queues/:name',
    {
      config: needs('read-only'),
      schema: {
        summary: 'One queue, with its members and how each stands in it',
        tags: ['watch'],
        params: z.object({ name: z.string() }),
        response: { 200: queueDetail, 404: errorAnswer, 503: errorAnswer },
      },
    },
    (request, reply) =>
      lists.answer(request, reply, queueDetail, () => {
        const { name } = request.params;
        const body = view.queue(name);
        return body === null ? notFound('queue', name) : { body };
      }),
  );
}
