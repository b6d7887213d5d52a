/** Pause reasons: made, changed and removed without a restart. */
import { z } from 'zod';
import { asList, entryKey } from '../../config/document.ts';
import { addEntry, changeEntry, removeEntry } from '../../config/edit.ts';
import { byWhom } from '../actor.ts';
import type { ConfigPort } from '../config-port.ts';
import { needs } from '../gate.ts';
import { linkNext, pageOf, paging } from '../pages.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import { answerChange, answerMade, changed, ifMatch, made, tags } from './config-answers.ts';

const KIND = 'pause-reason';
const reason = z.string().trim().min(1).max(80);
const seconds = z
  .number()
  .int()
  .min(0)
  .max(99_999)
  .default(0)
  .describe('Longest pause; 0: no limit');
const reasonAnswer = z
  .object({ reason: z.string(), max_seconds: z.number().int() })
  .meta({ id: 'PauseReason' });
const params = z.object({ reason: z.string() });

/** As acd.yaml writes it. */
function writeReason(name: string, max: number): string {
  return max === 0 ? name : `${name}=${max}`;
}

function reasonsOf(config: ConfigPort): z.output<typeof reasonAnswer>[] {
  return asList(config.document()['pause-reasons']).map((entry) => {
    const max = typeof entry === 'string' ? Number(entry.split('=')[1] ?? 0) : 0;
    return { reason: entryKey(entry, '='), max_seconds: max };
  });
}

export function addReasons(http: Http, config: ConfigPort): void {
  const listing = {
    summary: 'Reasons for which agents may pause; none: any',
    tags,
    querystring: z.strictObject(paging),
    response: { 200: z.object({ 'pause-reasons': z.array(reasonAnswer) }), 400: errorAnswer },
  };
  http.get('/pause-reasons', { config: needs('supervisor'), schema: listing }, (request, reply) => {
    const found = pageOf(reasonsOf(config), (one) => one.reason, request.query);
    if ('code' in found) return send(reply, found);
    linkNext(request, reply, found.next);
    return { 'pause-reasons': found.page };
  });
  addMaking(http, config);
  addChanging(http, config);
}

function addMaking(http: Http, config: ConfigPort): void {
  const schema = {
    summary: 'Make a pause reason',
    tags,
    body: z.strictObject({ reason, max_seconds: seconds }),
    response: made,
  };
  http.post('/pause-reasons', { config: needs('admin'), schema }, async (request, reply) => {
    const { reason: name, max_seconds: max } = request.body;
    const done = await config.change(
      byWhom(),
      `pause reason ${name} made`,
      (doc) => addEntry(doc, KIND, name, writeReason(name, max)),
      ifMatch(request),
    );
    return answerMade(reply, done, ['pause-reasons']);
  });
}

function addChanging(http: Http, config: ConfigPort): void {
  const changing = {
    summary: 'Change how long one may pause for a reason',
    tags,
    params,
    body: z.strictObject({ max_seconds: seconds }),
    response: changed,
  };
  http.patch(
    '/pause-reasons/:reason',
    { config: needs('admin'), schema: changing },
    async (request, reply) => {
      const name = request.params.reason;
      const done = await config.change(
        byWhom(),
        `pause reason ${name} changed`,
        (doc) => changeEntry(doc, KIND, name, writeReason(name, request.body.max_seconds)),
        ifMatch(request),
      );
      return answerChange(reply, done);
    },
  );
  const removing = {
    summary: 'Remove a pause reason; who pauses for it goes on',
    tags,
    params,
    response: changed,
  };
  http.delete(
    '/pause-reasons/:reason',
    { config: needs('admin'), schema: removing },
    async (request, reply) => {
      const name = request.params.reason;
      const done = await config.change(
        byWhom(),
        `pause reason ${name} removed`,
        (doc) => removeEntry(doc, KIND, name),
        ifMatch(request),
      );
      return answerChange(reply, done);
    },
  );
}
