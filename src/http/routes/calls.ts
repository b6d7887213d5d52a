/** GET /calls: every call of every queue, in one list. */
import { z } from 'zod';
import { linkNext, pageOf, paging } from '../pages.ts';
import { send, type Http } from '../reply.ts';
import { callAnswer, errorAnswer } from '../schemas.ts';
import type { View } from '../view.ts';

export function addCalls(http: Http, view: View): void {
  http.get(
    '/calls',
    {
      schema: {
        summary: 'All calls, waiting or talking',
        tags: ['watch'],
        querystring: z.object(paging),
        response: { 200: z.object({ calls: z.array(callAnswer) }), 400: errorAnswer },
      },
    },
    (request, reply) => {
      // Ids rise with the time they were made, so a page goes on where a call has ended.
      const found = pageOf(view.calls(), (call) => call.call, request.query, 'by-key');
      if ('code' in found) return send(reply, found);
      linkNext(request, reply, found.next);
      return { calls: found.page };
    },
  );
}
