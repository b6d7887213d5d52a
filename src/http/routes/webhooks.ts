/** GET /webhooks: how each receiver of events does. What they are is in acd.yaml. */
import { z } from 'zod';
import { needs } from '../gate.ts';
import type { Http } from '../reply.ts';
import type { WebhookShown } from '../view.ts';

const webhook = z
  .object({
    url: z.string().describe('Without query and credentials'),
    state: z
      .enum(['up', 'retrying', 'refused'])
      .describe('refused: it answered 410, and gets nothing until the next restart'),
    detail: z.string().describe('Why the last attempt failed; empty: it did not'),
    seq: z.number().int().describe('Number of the last event that it took, or that is not for it'),
    delivered: z.number().int().describe('Deliveries since the start'),
    failures: z.number().int().describe('Attempts in vain since the start'),
  })
  .meta({ id: 'Webhook' });

export function addWebhooks(http: Http, shown: () => readonly WebhookShown[]): void {
  http.get(
    '/webhooks',
    {
      config: needs('admin'),
      schema: {
        summary: 'Receivers of events, and how far each is',
        tags: ['watch'],
        response: { 200: z.object({ webhooks: z.array(webhook) }) },
      },
    },
    () => ({ webhooks: [...shown()] }),
  );
}
