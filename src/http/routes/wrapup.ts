/** An agent's wrap-up, ended or extended for him, and why he is not rung. */
import { z } from 'zod';
import type { Outcome } from '../../runtime/port.ts';
import { extendBody, reasons } from '../call-schemas.ts';
import { INTERNAL, notFound, refused } from '../errors.ts';
import { send, type Http } from '../reply.ts';
import { agentAnswer, errorAnswer } from '../schemas.ts';
import type { Steering, View } from '../view.ts';

const params = z.object({ id: z.string() });
const response = {
  200: agentAnswer,
  400: errorAnswer,
  404: errorAnswer,
  409: errorAnswer,
  503: errorAnswer,
};

export function addWrapup(http: Http, view: View, steering: Steering): void {
  /** The agent as he is after the command, or why it was refused. */
  const after = (outcome: Outcome, id: string) => {
    if (!outcome.ok) return { problem: refused(outcome.refusal, id) };
    const agent = view.agent(id);
    return agent === null ? { problem: INTERNAL } : { agent };
  };
  http.post(
    '/agents/:id/wrapup/end',
    { schema: { summary: 'End an agent’s wrap-up', tags: ['steer'], params, response } },
    async (request, reply) => {
      const { id } = request.params;
      const done = after(await steering.endWrapup(id), id);
      return done.agent ?? send(reply, done.problem);
    },
  );
  http.post(
    '/agents/:id/wrapup/extend',
    {
      schema: {
        summary: 'Let an agent’s wrap-up go on for so long from now',
        tags: ['steer'],
        params,
        body: extendBody,
        response,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const done = after(await steering.extendWrapup(id, request.body.seconds * 1000), id);
      return done.agent ?? send(reply, done.problem);
    },
  );
  http.get(
    '/agents/:id/why',
    {
      schema: {
        summary: 'Why each waiting call of his queues is not offered to an agent',
        tags: ['watch'],
        params,
        response: { 200: reasons, 404: errorAnswer },
      },
    },
    (request, reply) => {
      const { id } = request.params;
      return view.reasonsOf(id) ?? send(reply, notFound('agent', id));
    },
  );
}
