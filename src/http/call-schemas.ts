/** What REST tells of one call, and takes to steer it. */
import { z } from 'zod';
import { callAnswer } from './schemas.ts';

const why = z
  .object({
    reason: z
      .string()
      .describe('`paused`, `talking`, `wrapup`, `phone-inuse`, `penalty` …; empty: nothing'),
    for_seconds: z.number().int().nullable().describe('Ends then at the latest; null: not known'),
  })
  .meta({ id: 'Why' });

export const callDetail = callAnswer
  .extend({
    waits_for: z
      .string()
      .nullable()
      .describe('In one word what the call waits for; null: it does not wait'),
    estimated_wait_seconds: z
      .number()
      .int()
      .nullable()
      .describe(
        'How much longer it will probably wait; 0 while a phone rings for it. Null: it does not ' +
          'wait, or nothing can be said: nobody is there who could take it, or no call of the ' +
          'queue is over yet',
      ),
    priority: z.number().int().describe('Higher is served first'),
    tried: z
      .array(z.string())
      .describe('Agents who were rung for it in vain, or whom a veto refused; oldest first'),
    left: z
      .array(z.object({ queue: z.string(), status: z.string() }))
      .describe('Queues it has been in before, oldest first, and why it left each'),
    talks: z
      .array(
        z.object({
          queue: z.string(),
          agent: z.string(),
          waited_seconds: z.number().int(),
          talked_seconds: z.number().int(),
        }),
      )
      .describe('Talks before this wait or talk, out of which it was transferred; oldest first'),
    agents: z
      .array(z.object({ agent: z.string(), why }))
      .describe('Each member of its queue, and why he is not rung for it'),
  })
  .meta({ id: 'CallDetail' });

export const reasons = z
  .object({ calls: z.array(z.object({ call: z.string(), queue: z.string(), why })) })
  .meta({ id: 'Reasons' });

export const orderBody = z
  .strictObject({
    priority: z.number().int().min(-1_000_000).max(1_000_000).optional(),
    position: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .describe('Place in line, 1 is next'),
  })
  .refine((body) => (body.priority === undefined) !== (body.position === undefined), {
    message: 'give either priority or position',
  })
  .meta({ id: 'Order' });

export const dialBody = z
  .strictObject({
    agent: z.string().min(1).max(200).describe('He is rung first; a token of his own may name him'),
    to: z
      .string()
      .trim()
      .max(255)
      .regex(
        /^(\+?[0-9*#\s()/.-]*[0-9*#][0-9*#\s()/.-]*|[sS][iI][pP][sS]?:[^@?<>\s"]+@[^@?<>\s"]+)$/,
        'write a number, or sip:user@host',
      )
      .describe('A number, dialled through the PBX of his phone, or `sip:user@host`'),
  })
  .meta({ id: 'Dial' });

export const moveBody = z.strictObject({ queue: z.string().min(1).max(200) }).meta({ id: 'Move' });
export const giveBody = z.strictObject({ agent: z.string().min(1).max(200) }).meta({ id: 'Give' });
export const transferBody = z
  .strictObject({
    to: z
      .string()
      .max(255)
      .regex(
        /^([sS][iI][pP][sS]?:[^@;?<>\s"]+@[^@?<>\s"]+|queue:\S+|agent:\S+)$/,
        'write sip:user@host, queue:name or agent:id',
      )
      .describe(
        '`sip:user@host`, `queue:name` or `agent:id`. A talking caller waits anew in that queue, ' +
          'or for that agent alone; of a waiting call they are `move` and `give`',
      ),
  })
  .meta({ id: 'Transfer' });

export type CallDetail = z.output<typeof callDetail>;
export type Reasons = z.output<typeof reasons>;
