/**
 * GET /health, /ready and /metrics. Health answers 503 only where calls cannot be
 * taken (SIP server, media or journal down, or draining): a PBX that is away makes it `degraded`,
 * but restarting the ACD would not bring the PBX back. Ready is stricter: no new call now, 503.
 */
import { z } from 'zod';
import { isStranger, seesAll } from '../actor.ts';
import { problem } from '../errors.ts';
import { needs } from '../gate.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer, healthAnswer, readyAnswer } from '../schemas.ts';
import type { HealthAnswer, ReadyAnswer } from '../schemas.ts';
import type { View } from '../view.ts';

const shownHealth = z.union([healthAnswer, healthAnswer.pick({ status: true }).strict()]);

const OVERLOADS = {
  calls: 'as many calls are here as limits.calls lets in',
  'loop-delay': 'the event loop runs later than limits.loop-delay',
} as const;

/** Would a new call be taken now? */
function readyOf(health: HealthAnswer): ReadyAnswer {
  const { sip, media, journal, reports, load } = health;
  const isDraining = health.status === 'draining';
  const parts: ReadyAnswer['parts'] = [
    { part: 'sip', ok: sip.up, detail: sip.detail },
    { part: 'media', ok: media.up, detail: media.detail },
    { part: 'journal', ok: journal.up, detail: journal.detail },
    { part: 'reports', ok: reports.up, detail: reports.detail },
    {
      part: 'load',
      ok: load.overload === null,
      detail: load.overload === null ? '' : OVERLOADS[load.overload],
    },
    { part: 'drain', ok: !isDraining, detail: isDraining ? 'a stop was asked for' : '' },
  ];
  return { ready: parts.every(({ part, ok }) => ok || part === 'reports'), parts };
}

export function addStatus(http: Http, view: View): void {
  http.get(
    '/health',
    {
      config: needs('anyone'),
      schema: {
        summary: 'Is everything well?',
        description:
          '503 where calls cannot be taken; `degraded` with 200 where a PBX is away. Without a ' +
          'token, where there are tokens: the status alone.',
        tags: ['operate'],
        response: { 200: shownHealth, 503: shownHealth },
      },
    },
    (_request, reply) => {
      const health = view.health();
      const isUp = health.sip.up && health.media.up && health.journal.up;
      const able = isUp && health.status !== 'draining';
      void reply.code(able ? 200 : 503);
      return isStranger() ? { status: health.status } : health;
    },
  );
  http.get(
    '/ready',
    {
      config: needs('anyone'),
      schema: {
        summary: 'Are new calls taken?',
        description: 'For load balancers: 503 also while overloaded or draining.',
        tags: ['operate'],
        response: { 200: readyAnswer, 503: readyAnswer },
      },
    },
    (_request, reply) => {
      const ready = readyOf(view.health());
      void reply.code(ready.ready ? 200 : 503);
      return isStranger() ? { ...ready, parts: [] } : ready;
    },
  );
  http.get(
    '/metrics',
    {
      config: needs('metrics'),
      schema: {
        summary: 'Numbers for Prometheus',
        tags: ['operate'],
        produces: ['text/plain'],
        response: { 200: z.string(), 403: errorAnswer },
      },
    },
    async (_request, reply) => {
      if (!seesAll()) {
        return send(reply, problem('out-of-scope', 'these numbers are of all queues'));
      }
      const { text, contentType } = await view.metrics();
      return reply.type(contentType).send(text);
    },
  );
}
