/** Prompts of the operator's own: uploaded as WAV of any usual kind, converted, used at once. */
import { z } from 'zod';
import { byWhom } from '../actor.ts';
import type { PromptOutcome, PromptsPort } from '../config-port.ts';
import { problem, type Problem } from '../errors.ts';
import { needs } from '../gate.ts';
import { linkNext, pageOf, paging } from '../pages.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import { changed, doneOf, ifMatch, problemOfChange, tags } from './config-answers.ts';

/** 10 minutes of 16 bit at 48 kHz are 58 MB; a prompt is seconds. */
const AUDIO_MAX_BYTES = 20_000_000;
const promptAnswer = z
  .object({ key: z.string(), bytes: z.number().int(), seconds: z.number() })
  .meta({ id: 'Prompt' });
const params = z.object({ key: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_~-]{0,63}$/) });

function problemOfPrompt(outcome: Extract<PromptOutcome, { ok: false }>): Problem {
  switch (outcome.why) {
    case 'bad-audio':
    case 'no-place':
      return problem(outcome.why, outcome.detail);
    default:
      return problemOfChange(outcome);
  }
}

export function addPrompts(http: Http, prompts: PromptsPort): void {
  // Only here, so http is a context of its own; and nothing else here.
  http.removeAllContentTypeParsers();
  http.addContentTypeParser(
    ['audio/wav', 'audio/x-wav', 'audio/wave', 'audio/vnd.wave'],
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  );
  http.get(
    '/prompts',
    {
      config: needs('supervisor'),
      schema: {
        summary: 'Uploaded prompts',
        tags,
        querystring: z.strictObject(paging),
        response: { 200: z.object({ prompts: z.array(promptAnswer) }), 400: errorAnswer },
      },
    },
    async (request, reply) => {
      const found = pageOf(await prompts.list(), ({ key }) => key, request.query);
      if ('code' in found) return send(reply, found);
      linkNext(request, reply, found.next);
      return { prompts: found.page };
    },
  );
  http.put(
    '/prompts/:key',
    {
      bodyLimit: AUDIO_MAX_BYTES,
      config: needs('admin'),
      schema: {
        summary: 'Upload a prompt',
        description:
          'A WAV file (audio/wav): PCM of 8 to 32 bit, floats, A-law or µ-law, any channels, any ' +
          'usual rate. ' +
          'Queues may then name it by its key; a built-in one of that key is replaced.',
        tags,
        consumes: ['audio/wav'],
        params,
        body: z.unknown(),
        response: changed,
      },
    },
    async (request, reply) => {
      const audio = request.body;
      if (!Buffer.isBuffer(audio)) {
        const detail = 'send the WAV file itself as the body, as audio/wav';
        return send(reply, problem('bad-audio', detail));
      }
      const done = await prompts.upload(byWhom(), request.params.key, audio, ifMatch(request));
      return done.ok ? doneOf(done) : send(reply, problemOfPrompt(done));
    },
  );
  http.delete(
    '/prompts/:key',
    {
      config: needs('admin'),
      schema: {
        summary: 'Remove an uploaded prompt; refused while a queue names it',
        tags,
        params,
        response: changed,
      },
    },
    async (request, reply) => {
      const done = await prompts.remove(byWhom(), request.params.key, ifMatch(request));
      return done.ok ? doneOf(done) : send(reply, problemOfPrompt(done));
    },
  );
}
