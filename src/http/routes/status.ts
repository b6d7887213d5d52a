/**
 * GET /health and /metrics. Health answers 503 only where calls cannot be taken
 * (SIP server, media or journal down, or draining): a PBX that is away makes it `degraded`, but
 * restarting the ACD would not bring the PBX back.
 */
import { z } from 'zod';
import type { Http } from '../reply.ts';
import { healthAnswer } from '../schemas.ts';
import type { View } from '../view.ts';

export function addStatus(http: Http, view: View): void {
  http.get(
    '/health',
    {
      schema: {
        summary: 'Is everything well?',
        description: '503 where calls cannot be taken; `degraded` with 200 where a PBX is away.',
        tags: ['operate'],
        response: { 200: healthAnswer, 503: healthAnswer },
      },
    },
    (_request, reply) => {
      const health = view.health();
      const isUp = health.sip.up && health.media.up && health.journal.up;
      const able = isUp && health.status !== 'draining';
      void reply.code(able ? 200 : 503);
      return health;
    },
  );
  http.get(
    '/metrics',
    {
      schema: {
        summary: 'Numbers for Prometheus',
        tags: ['operate'],
        produces: ['text/plain'],
        response: { 200: z.string() },
      },
    },
    async (_request, reply) => {
      const { text, contentType } = await view.metrics();
      return reply.type(contentType).send(text);
    },
  );
}
