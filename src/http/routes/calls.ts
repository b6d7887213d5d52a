/**
 * GET /calls: every call of every queue, in one list. GET /calls/:id: one, and why it waits.
 * POST /calls: an agent dials.
 */
import { z } from 'zod';
import { callDetail, dialBody } from '../call-schemas.ts';
import { INTERNAL, notFound, refused } from '../errors.ts';
import { needs } from '../gate.ts';
import type { Lists } from '../lists.ts';
import { pageOf, paging } from '../pages.ts';
import { send, type Http } from '../reply.ts';
import { callAnswer, errorAnswer } from '../schemas.ts';
import type { CallSteering, View } from '../view.ts';

export const callParams = z.object({
  id: z.string().describe('`call` of GET /calls, or the SIP Call-ID'),
});

const callsAnswer = z.object({ calls: z.array(callAnswer) });

export function addCalls(http: Http, view: View, lists: Lists): void {
  http.get(
    '/calls',
    {
      config: needs('read-only'),
      schema: {
        summary: 'All calls, waiting or talking',
        tags: ['watch'],
        querystring: z.strictObject(paging),
        response: { 200: callsAnswer, 400: errorAnswer, 503: errorAnswer },
      },
    },
    (request, reply) =>
      lists.answer(request, reply, callsAnswer, () => {
        // Ids rise with the time they were made, so a page goes on where a call has ended.
        const found = pageOf(view.calls(), (call) => call.call, request.query, 'by-key');
        return 'code' in found ? found : { body: { calls: found.page }, next: found.next };
      }),
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

export function addDialling(http: Http, view: View, steering: CallSteering): void {
  http.post(
    '/calls',
    {
      config: needs('agent'),
      schema: {
        summary: 'Click-to-dial: ring an agent’s phone, then dial a number for him',
        description:
          'He must be logged in and on no call, with a phone that is free; a pause or wrap-up ' +
          'does not matter. `transfers.allow` says where calls may go. `GET /calls/{id}` tells ' +
          'how far it is (`calling`, `dialling`, `assigned`), `POST /calls/{id}/hangup` ends it, ' +
          'and so does either phone. It stands in no queue.',
        tags: ['steer'],
        body: dialBody,
        response: {
          201: callDetail,
          400: errorAnswer,
          403: errorAnswer,
          404: errorAnswer,
          409: errorAnswer,
          503: errorAnswer,
        },
      },
    },
    async (request, reply) => {
      const { agent, to } = request.body;
      const dialled = await steering.dial(agent, to);
      if (!dialled.ok) return send(reply, refused(dialled.refusal, agent));
      const call = view.call(dialled.callId);
      // So soon it can only be over where everything is being stopped.
      if (call === null) return send(reply, INTERNAL);
      return reply.code(201).header('Location', `/calls/${call.call}`).send(call);
    },
  );
}
