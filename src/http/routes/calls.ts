/** GET /calls: every call of every queue, in one list. GET /calls/:id: one, and why it waits. */
import { z } from 'zod';
import { callDetail } from '../call-schemas.ts';
import { notFound } from '../errors.ts';
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
      schema: {
        summary: 'All calls, waiting or talking',
        tags: ['watch'],
        response: { 200: z.object({ calls: z.array(callAnswer) }) },
      },
    },
    () => ({ calls: [...view.calls()] }),
  );
  http.get(
    '/calls/:id',
    {
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
