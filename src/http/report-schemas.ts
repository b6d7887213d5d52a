/** Answers of the reports, as they are documented; the shapes are those of `reports/answers.ts`. */
import { z } from 'zod';

const time = (text: string) => z.string().describe(`${text} (ISO 8601, UTC)`);
const share = (text: string) =>
  z.number().nullable().describe(`${text}, percent; null: nothing to say`);
const mean = (text: string) =>
  z.number().nullable().describe(`${text}, seconds; null: there was none`);
const count = (text: string) => z.number().int().describe(text);

export const queueFigures = z
  .object({
    queue: z.string(),
    from: time('Begin of the interval'),
    to: time('Its end, not included'),
    local_from: z.string().describe('Its begin by the clock of `reports.time-zone` (ISO 8601)'),
    offered: count('Calls that asked for the queue, by the time they came'),
    answered: count('Connected to an agent'),
    abandoned: count('Gave up'),
    short_abandoned: count('Gave up sooner than `reports.short-abandon`'),
    left: count('Left by timeout, exit key, an empty queue, or by command'),
    refused: count('Got no place: full, or nobody there'),
    failed: count('Lost by a fault on our side'),
    abandoned_percent: share('Abandoned of answered and abandoned'),
    threshold_seconds: z.number().describe('`servicelevel` of the queue'),
    service_level: share('By the formula of `reports.service-level`'),
    sl: share('Answered in time, of the answered'),
    sl2: share('Answered or abandoned in time, of the answered and abandoned'),
    average_wait_seconds: mean('Wait of the answered'),
    longest_wait_seconds: z.number(),
    average_abandon_seconds: mean('Wait of those who gave up'),
    average_talk_seconds: mean('Talk'),
    waits: z
      .array(z.number().int())
      .describe('Answered by wait: up to 5, 10, 20, 30, 60, 120, 300, 600 seconds, and longer'),
  })
  .meta({ id: 'QueueFigures' });

export const agentFigures = z
  .object({
    agent: z.string(),
    name: z.string(),
    calls: count('Talks that began'),
    offers: count('Times his phone was rung'),
    missed: count('Of those, the ones that came to nothing on his side'),
    logged_in_seconds: z.number(),
    talk_seconds: z.number(),
    wrapup_seconds: z.number(),
    ringing_seconds: z.number(),
    outbound_calls: count('His own calls (click-to-dial) that he took'),
    outbound_seconds: z.number().describe('His time on them; busy time as talks are'),
    paused_seconds: z.number().describe('Paused in all queues, and not talking or in wrap-up'),
    ready_seconds: z.number(),
    average_talk_seconds: mean('Talk'),
    occupancy: share('Talk and wrap-up, of the time logged in and not paused'),
  })
  .meta({ id: 'AgentFigures' });

export const pauseFigures = z
  .object({
    agent: z.string(),
    queue: z.string().describe('Empty: in all'),
    reason: z.string(),
    pauses: count('How many'),
    seconds: z.number(),
  })
  .meta({ id: 'PauseFigures' });

export const abandonedCall = z
  .object({
    call: z.string(),
    queue: z.string(),
    from: z.string(),
    at: time('When he gave up'),
    waited_seconds: z.number(),
    position: count('His place then'),
    called_back: z
      .enum(['called-again', 'called-back', 'open'])
      .describe('called-again: the same number was answered later. called-back: we called it.'),
    called_back_at: z.string().nullable(),
  })
  .meta({ id: 'AbandonedCall' });

export const callRecord = z
  .object({
    call: z.string().describe('One id through all queues and transfers'),
    sip_call_id: z.string(),
    from: z.string(),
    name: z.string(),
    to: z.string(),
    first_queue: z.string().describe('The one it asked for; `last_queue`: where it ended'),
    last_queue: z.string(),
    entered: time('When it came'),
    ended: time('When it was over'),
    status: z.string().describe('COMPLETED, ABANDONED, TIMEOUT …'),
    ended_by: z.string().nullable(),
    agent: z.string().nullable(),
    waited_seconds: z.number(),
    talked_seconds: z.number(),
    queues_left: count('Queues it left for another, or that sent it on at once'),
    transfers: count('Talks out of which it was sent elsewhere'),
    outbound: z.boolean().describe('An agent’s own call, of no queue; `status` is its outcome'),
  })
  .meta({ id: 'CallRecord' });

export const callDetail = z
  .object({
    ...callRecord.shape,
    segments: z.array(
      z.object({
        kind: z.enum(['queue', 'offer', 'talk', 'transfer', 'outbound']),
        queue: z.string(),
        agent: z.string(),
        from: z.string(),
        to: z.string(),
        seconds: z.number(),
        outcome: z.string(),
      }),
    ),
  })
  .meta({ id: 'CallHistory' });

export const queueCounters = z
  .object({
    queue: z.string(),
    since: time('Begin of the day'),
    hold_seconds: z.number().describe('Mean wait of the answered'),
    talk_seconds: z.number().describe('Mean talk'),
    completed: count('Talks that are over (C)'),
    abandoned: count('Gave up (A)'),
    threshold_seconds: z.number(),
    sl: z.number().describe('Percent; 0 before the first'),
    sl2: z.number(),
  })
  .meta({ id: 'QueueCounters' });
