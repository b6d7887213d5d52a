/**
 * What a supervisor may do to one call: hang it up, hold it, take it out of its queue, change its
 * place, move it to another queue, give it to an agent. Each answers 204 when the journal has it.
 */
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { Outcome } from '../../runtime/port.ts';
import { giveBody, moveBody, orderBody, transferBody } from '../call-schemas.ts';
import { notFound, problem, refused, type Problem } from '../errors.ts';
import { needs } from '../gate.ts';
import { noContent, send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import type { CallBrief, CallSteering, NotAllowed, View } from '../view.ts';
import { callParams } from './calls.ts';

const response = {
  204: noContent,
  400: errorAnswer,
  403: errorAnswer,
  404: errorAnswer,
  409: errorAnswer,
  503: errorAnswer,
};

/** Unknown to the core: it stands in no line and has no agent of a queue, or has just ended. */
function noneOf(call: CallBrief, id: string): Problem {
  if (call.outbound === true) return refused('outbound-call', id);
  return call.state === 'transferred'
    ? problem('not-waiting', 'the caller is on his way elsewhere, and can only be hung up')
    : notFound('call', id);
}

const HIS_OWN = 'A token of role `agent`: where its agent talks, or has dialled.';

export function addCallSteering(http: Http, view: View, steering: CallSteering): void {
  /** `concerned`: whom a refusal may be about besides the call. */
  const act = async (
    reply: FastifyReply,
    id: string,
    order: (callId: string) => Promise<Outcome | NotAllowed>,
    concerned = '',
  ) => {
    const call = view.brief(id);
    if (call === null) return send(reply, notFound('call', id));
    const outcome = await order(call.call);
    if (outcome.ok) return reply.code(204).send(null);
    const isNone = outcome.refusal === 'unknown-call';
    return send(reply, isNone ? noneOf(call, id) : refused(outcome.refusal, concerned));
  };
  addPlain(http, steering, act);
  http.post(
    '/calls/:id/order',
    schemaOf('Give a waiting call another priority, or another place in its line', orderBody),
    (request, reply) =>
      act(reply, request.params.id, (callId) => steering.reorder(callId, wishOf(request.body))),
  );
  http.post(
    '/calls/:id/move',
    schemaOf('Move a waiting call into another queue; it keeps its wait', moveBody),
    (request, reply) =>
      act(reply, request.params.id, (callId) => steering.move(callId, request.body.queue)),
  );
  http.post(
    '/calls/:id/give',
    schemaOf('Ring this agent for a waiting call, out of turn', giveBody),
    (request, reply) => {
      const { agent } = request.body;
      return act(reply, request.params.id, (callId) => steering.give(callId, agent), agent);
    },
  );
  addTransfer(http, steering, act);
}

/** Gives an order to the call, if there is one of that id. */
type Act = (
  reply: FastifyReply,
  id: string,
  order: (callId: string) => Promise<Outcome | NotAllowed>,
  concerned?: string,
) => Promise<never>;

function addPlain(http: Http, steering: CallSteering, act: Act): void {
  const plain = [
    ['agent', 'hangup', 'End a call, whatever it is doing', (id: string) => steering.hangUp(id)],
    [
      'agent',
      'hold',
      'Hold a talk: the caller hears the music of his queue, the agent nothing',
      (id: string) => steering.hold(id),
    ],
    [
      'agent',
      'resume',
      'End that hold; where a phone holds, too, it goes on',
      (id: string) => steering.resume(id),
    ],
    [
      'supervisor',
      'withdraw',
      'Take a waiting call out of its queue: `failover.withdraw` says where it goes',
      (id: string) => steering.withdraw(id),
    ],
  ] as const;
  for (const [role, verb, summary, order] of plain) {
    http.post(
      `/calls/:id/${verb}`,
      {
        config: needs(role),
        schema: {
          summary,
          ...(role === 'agent' ? { description: HIS_OWN } : {}),
          tags: ['steer'],
          params: callParams,
          response,
        },
      },
      (request, reply) => act(reply, request.params.id, order),
    );
  }
}

const schemaOf = <Body extends z.ZodType>(summary: string, body: Body) => ({
  config: needs('supervisor'),
  schema: { summary, tags: ['steer'], params: callParams, body, response },
});

function addTransfer(http: Http, steering: CallSteering, act: Act): void {
  http.post(
    '/calls/:id/transfer',
    schemaOf(
      'Send a call, waiting or talking, to another place; an agent it has is free',
      transferBody,
    ),
    (request, reply) => {
      const [, kind = '', rest = ''] = /^([a-z]+):(.*)$/.exec(request.body.to) ?? [];
      const send = (callId: string) => {
        if (kind === 'queue') return steering.transferWithin(callId, { to: 'queue', queue: rest });
        return kind === 'agent'
          ? steering.transferWithin(callId, { to: 'agent', agentId: rest })
          : steering.transfer(callId, request.body.to);
      };
      return act(reply, request.params.id, send, rest);
    },
  );
}

/** Without the keys that are not there, which the command's type wants. */
function wishOf({ priority, position }: z.output<typeof orderBody>) {
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(position === undefined ? {} : { position }),
  };
}
