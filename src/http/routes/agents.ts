/** GET /agents, GET /agents/:id, and the few things a supervisor may do to an agent. */
import { z } from 'zod';
import type { Outcome } from '../../runtime/port.ts';
import { reasons } from '../call-schemas.ts';
import { INTERNAL, notFound, refused, type Problem } from '../errors.ts';
import { needs } from '../gate.ts';
import type { Lists } from '../lists.ts';
import { pageOf, paging } from '../pages.ts';
import { send, type Http } from '../reply.ts';
import {
  agentAnswer,
  agentDetail,
  attendBody,
  errorAnswer,
  loginBody,
  pauseBody,
  resumeBody,
  wrapupBody,
  type AgentAnswer,
} from '../schemas.ts';
import type { LoggedIn, Steering, View } from '../view.ts';

const params = z.object({ id: z.string() });
const answers = {
  200: agentAnswer,
  400: errorAnswer,
  404: errorAnswer,
  409: errorAnswer,
  422: errorAnswer,
  503: errorAnswer,
};

const agentsAnswer = z.object({ agents: z.array(agentAnswer) });

export function addAgents(http: Http, view: View, lists: Lists): void {
  http.get(
    '/agents',
    {
      config: needs('read-only'),
      schema: {
        summary: 'All agents',
        tags: ['watch'],
        querystring: z.strictObject(paging),
        response: { 200: agentsAnswer, 400: errorAnswer, 503: errorAnswer },
      },
    },
    (request, reply) =>
      lists.answer(request, reply, agentsAnswer, () => {
        const found = pageOf(view.agents(), (agent) => agent.id, request.query);
        return 'code' in found ? found : { body: { agents: found.page }, next: found.next };
      }),
  );
  http.get(
    '/agents/:id',
    {
      config: needs('read-only'),
      schema: {
        summary: 'One agent, with how he stands in each of his queues',
        tags: ['watch'],
        params,
        response: { 200: agentDetail, 404: errorAnswer },
      },
    },
    (request, reply) => {
      const { id } = request.params;
      return view.agent(id) ?? send(reply, notFound('agent', id));
    },
  );
  http.get(
    '/agents/:id/why',
    {
      config: needs('read-only'),
      schema: {
        summary: 'Why each waiting call of his queues is not offered to an agent',
        tags: ['watch'],
        params,
        response: { 200: reasons, 404: errorAnswer, 503: errorAnswer },
      },
    },
    (request, reply) =>
      lists.answer(request, reply, reasons, () => {
        const { id } = request.params;
        const body = view.reasonsOf(id);
        return body === null ? notFound('agent', id) : { body };
      }),
  );
}

export function addAgentSteering(http: Http, view: View, steering: Steering): void {
  /** The agent as he is after the command, or why it was refused. */
  const after: After = (outcome, id) => {
    if (!outcome.ok) return { problem: refused(outcome.refusal, id) };
    const agent = view.agent(id);
    return agent === null ? { problem: INTERNAL } : { agent };
  };
  http.post(
    '/agents/:id/pause',
    {
      config: needs('agent'),
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
      const { reason = '', queue } = request.body ?? {};
      const done = after(await steering.pause(id, reason, queue ?? null), id);
      return done.problem === undefined ? done.agent : send(reply, done.problem);
    },
  );
  http.post(
    '/agents/:id/resume',
    {
      config: needs('agent'),
      schema: {
        summary: 'End an agent’s pause, in one queue or everywhere',
        tags: ['steer'],
        params,
        body: resumeBody.optional().nullable(),
        response: answers,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const done = after(await steering.resume(id, request.body?.queue ?? null), id);
      return done.problem === undefined ? done.agent : send(reply, done.problem);
    },
  );
  http.post(
    '/agents/:id/wrapup/extend',
    {
      config: needs('agent'),
      schema: {
        summary: 'Let the wrap-up of an agent go on for so long from now',
        tags: ['steer'],
        params,
        body: wrapupBody,
        response: answers,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const forMs = Math.round(request.body.seconds * 1000);
      const done = after(await steering.extendWrapup(id, forMs), id);
      return done.problem === undefined ? done.agent : send(reply, done.problem);
    },
  );
  addLogin(http, steering, after);
  addAttendance(http, steering, after);
  addPlain(http, steering, after);
}

function addLogin(http: Http, steering: Steering, after: After): void {
  http.post(
    '/agents/:id/login',
    {
      config: needs('agent'),
      schema: {
        summary: 'Log an agent in on a phone, as if he had dialled from there',
        description:
          'To all of his queues, or to those named, which he joins where he is logged in there ' +
          'already. Presence counts as at any login, `second-login`, too. The phone must be one ' +
          'that `sip.login.devices` lets be named. One that is not at a registrar and answers no ' +
          'SUBSCRIBE is not trusted to be there: from such a phone agents dial.',
        tags: ['steer'],
        params,
        body: loginBody,
        response: { ...answers, 403: errorAnswer },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { device, registrar = null, queues = null } = request.body;
      const done = after(await steering.logIn(id, { device, registrar, queues }), id);
      return done.problem === undefined ? done.agent : send(reply, done.problem);
    },
  );
}

type After = (
  outcome: LoggedIn,
  id: string,
) => { problem: Problem; agent?: undefined } | { agent: AgentAnswer; problem?: undefined };

function addAttendance(http: Http, steering: Steering, after: After): void {
  const acts = [
    ['join', 'Log an agent in to one of his queues that he has left', steering.join],
    ['leave', 'Log an agent out of one of his queues; a call he has goes on', steering.leave],
  ] as const;
  for (const [verb, summary, act] of acts) {
    http.post(
      `/agents/:id/${verb}`,
      {
        config: needs('agent'),
        schema: { summary, tags: ['steer'], params, body: attendBody, response: answers },
      },
      async (request, reply) => {
        const { id } = request.params;
        const done = after(await act(id, request.body.queue), id);
        return done.problem === undefined ? done.agent : send(reply, done.problem);
      },
    );
  }
}

function addPlain(http: Http, steering: Steering, after: After): void {
  /** Not in wrap-up, or not paused, is as it should be. */
  const beReady = async (id: string): Promise<Outcome> => {
    const ended = await steering.endWrapup(id);
    if (!ended.ok && ended.refusal !== 'not-in-wrapup') return ended;
    const resumed = await steering.resume(id, null);
    return !resumed.ok && resumed.refusal === 'not-paused' ? { ok: true, events: [] } : resumed;
  };
  const plain = [
    ['ready', 'Back to work: wrap-up and every pause end', beReady],
    ['wrapup/end', 'End the wrap-up of an agent', (id: string) => steering.endWrapup(id)],
    ['logout', 'Log an agent out; a call he has goes on', (id: string) => steering.logOut(id)],
  ] as const;
  for (const [verb, summary, act] of plain) {
    http.post(
      `/agents/:id/${verb}`,
      { config: needs('agent'), schema: { summary, tags: ['steer'], params, response: answers } },
      async (request, reply) => {
        const { id } = request.params;
        const done = after(await act(id), id);
        return done.problem === undefined ? done.agent : send(reply, done.problem);
      },
    );
  }
}
