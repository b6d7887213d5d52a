/** GET /queues and GET /queues/:name: the lines and who is in them. */
import { z } from 'zod';
import { notFound } from '../errors.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer, queueAnswer } from '../schemas.ts';
import type { View } from '../view.ts';

export function addQueues(http: Http, view: View): void {
  http.get(
    '/queues',
    {
      schema: {
        summary: 'All queues and their calls',
        tags: ['watch'],
        response: { 200: z.object({ queues: z.array(queueAnswer) }) },
      },
    },
    () => ({ queues: [...view.queues()] }),
  );
  http.get(
    '/queues/:name',
    {
      schema: {
        summary: 'One queue',
        tags: ['watch'],
        params: z.object({ name: z.string() }),
        response: { 200: queueAnswer, 404: errorAnswer },
      },
    },
    (request, reply) => {
      const { name } = request.params;
      return view.queue(name) ?? send(reply, notFound('queue', name));
    },
  );
}
