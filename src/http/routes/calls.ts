/** GET /calls: every call of every queue, in one list. GET /calls/:id: one, and why it waits. */
import { z } from 'zod';
import { callDetail } from '../call-schemas.ts';
import { notFound } from '../errors.ts';
import { needs } from '../gate.ts';
import { linkNext, pageOf, paging } from '../pages.ts';
import { send, type Http } from '../reply.ts';
import { callAnswer, errorAnswer } from '../schemas.ts';
import type { View } from '../view.ts';

export const callParams = z.object({
  id: z.string().describe('`call` of GET /calls, or the SIP Call-ID'),
});

export function addCalls(http: Http, view: View): void {
  http.get(
    '/calls',
    {
      config: needs('read-only'),
      schema: {
        summary: 'All calls, waiting or talking',
        tags: ['watch'],
        querystring: z.strictObject(paging),
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
  http.get(
    '/calls/:id',
    {
      config: needs('read-only'),
      schema: {
        summary: 'One call, what it waits for, and why each agent is not rung for it',
        tags: ['watch'],
        params: callParams,
        response: { 200: callDetail, 404: errorAnswer },
      },
    },
    (request, reply) => {
      const { id } = request.params;
      return view.call(id) ?? send(reply, notFound('call', id));
    },
  );
}
