/** GET /webhooks and /vetoes: how those do whom acd.yaml has told and asked by POST. */
import { z } from 'zod';
import { needs } from '../gate.ts';
import type { Http } from '../reply.ts';
import type { VetoShown, WebhookShown } from '../view.ts';

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

const veto = z
  .object({
    name: z.string(),
    url: z.string().describe('Without query and credentials'),
    state: z.enum(['up', 'silent']).describe('silent: the last question had no answer'),
    detail: z.string().describe('Why it had none; empty: it had'),
    asked: z.number().int().describe('Questions since the start'),
    allowed: z.number().int(),
    refused: z.number().int(),
    silent: z.number().int().describe('Without an answer, by their deadline or before'),
  })
  .meta({ id: 'Veto' });

export function addVetoes(http: Http, shown: () => readonly VetoShown[]): void {
  http.get(
    '/vetoes',
    {
      config: needs('admin'),
      schema: {
        summary: 'Who is asked before phones ring, and how each does',
        tags: ['watch'],
        response: { 200: z.object({ vetoes: z.array(veto) }) },
      },
    },
    () => ({ vetoes: [...shown()] }),
  );
}
