/** GET /agents, GET /agents/:id, and the few things a supervisor may do to an agent. */
import { z } from 'zod';
import type { Outcome } from '../../runtime/port.ts';
import { INTERNAL, notFound, refused } from '../errors.ts';
import { linkNext, pageOf, paging } from '../pages.ts';
import { send, type Http } from '../reply.ts';
import { agentAnswer, errorAnswer, pauseBody } from '../schemas.ts';
import type { Steering, View } from '../view.ts';

const params = z.object({ id: z.string() });
const answers = {
  200: agentAnswer,
  400: errorAnswer,
  404: errorAnswer,
  409: errorAnswer,
  503: errorAnswer,
};

export function addAgents(http: Http, view: View, steering: Steering): void {
  http.get(
    '/agents',
    {
      schema: {
        summary: 'All agents',
        tags: ['watch'],
        querystring: z.object(paging),
        response: { 200: z.object({ agents: z.array(agentAnswer) }), 400: errorAnswer },
      },
    },
    (request, reply) => {
      const found = pageOf(view.agents(), (agent) => agent.id, request.query);
      if ('code' in found) return send(reply, found);
      linkNext(request, reply, found.next);
      return { agents: found.page };
    },
  );
  http.get(
    '/agents/:id',
    {
      schema: {
        summary: 'One agent',
        tags: ['watch'],
        params,
        response: { 200: agentAnswer, 404: errorAnswer },
      },
    },
    (request, reply) => {
      const { id } = request.params;
      return view.agent(id) ?? send(reply, notFound('agent', id));
    },
  );
  addSteering(http, view, steering);
}

function addSteering(http: Http, view: View, steering: Steering): void {
  /** The agent as he is after the command, or why it was refused. */
  const after = (outcome: Outcome, id: string) => {
    if (!outcome.ok) return { problem: refused(outcome.refusal, id) };
    const agent = view.agent(id);
    return agent === null ? { problem: INTERNAL } : { agent };
  };
  http.post(
    '/agents/:id/pause',
    {
      schema: {
        summary: 'Pause an agent: no offers until he is resumed',
        tags: ['steer'],
        params,
        body: pauseBody.optional().nullable(),
        response: answers,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const done = after(await steering.pause(id, request.body?.reason ?? ''), id);
      return done.agent ?? send(reply, done.problem);
    },
  );
  const plain = [
    ['resume', 'End an agent’s pause', (id: string) => steering.resume(id)],
    ['logout', 'Log an agent out; a call he has goes on', (id: string) => steering.logOut(id)],
  ] as const;
  for (const [verb, summary, act] of plain) {
    http.post(
      `/agents/:id/${verb}`,
      { schema: { summary, tags: ['steer'], params, response: answers } },
      async (request, reply) => {
        const { id } = request.params;
        const done = after(await act(id), id);
        return done.agent ?? send(reply, done.problem);
      },
    );
  }
}
