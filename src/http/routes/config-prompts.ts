/** Prompts of the operator's own: uploaded as WAV of any usual kind, converted, used at once. */
import { z } from 'zod';
import type { PromptOutcome, PromptsPort } from '../config-port.ts';
import type { Problem } from '../errors.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import { doneAnswer, doneOf, problemOfChange } from './config-answers.ts';

const BY = 'http';
/** 10 minutes of 16 bit at 48 kHz are 58 MB; a prompt is seconds. */
const AUDIO_MAX_BYTES = 20_000_000;
const params = z.object({ key: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_~-]{0,63}$/) });
const failures = { 400: errorAnswer, 404: errorAnswer, 409: errorAnswer, 503: errorAnswer };
const tags = ['configure'];

function problemOfPrompt(outcome: Extract<PromptOutcome, { ok: false }>): Problem {
  switch (outcome.why) {
    case 'bad-audio':
      return { status: 400, code: 'bad-audio', message: outcome.detail };
    case 'no-place':
      return { status: 503, code: 'no-place', message: outcome.detail };
    default:
      return problemOfChange(outcome);
  }
}

export function addPrompts(http: Http, prompts: PromptsPort): void {
  http.addContentTypeParser(
    ['audio/wav', 'audio/x-wav', 'audio/wave', 'audio/vnd.wave'],
    { parseAs: 'buffer', bodyLimit: AUDIO_MAX_BYTES },
    (_request, body, done) => done(null, body),
  );
  http.get(
    '/prompts',
    {
      schema: {
        summary: 'Uploaded prompts',
        tags,
        response: {
          200: z.object({
            prompts: z.array(
              z.object({ key: z.string(), bytes: z.number().int(), seconds: z.number() }),
            ),
          }),
        },
      },
    },
    async () => ({ prompts: [...(await prompts.list())] }),
  );
  http.put(
    '/prompts/:key',
    {
      bodyLimit: AUDIO_MAX_BYTES,
      schema: {
        summary: 'Upload a prompt',
        description:
          'A WAV file (audio/wav): PCM of 8 to 32 bit or floats, any channels, any usual rate. ' +
          'Queues may then name it by its key; a built-in one of that key is replaced.',
        tags,
        consumes: ['audio/wav'],
        params,
        response: { 200: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const audio = request.body;
      if (!Buffer.isBuffer(audio)) {
        const message = 'send the WAV file itself as the body, as audio/wav';
        return send(reply, { status: 400, code: 'bad-audio', message });
      }
      const done = await prompts.upload(BY, request.params.key, audio);
      return done.ok ? doneOf(done) : send(reply, problemOfPrompt(done));
    },
  );
  http.delete(
    '/prompts/:key',
    {
      schema: {
        summary: 'Remove an uploaded prompt; refused while a queue names it',
        tags,
        params,
        response: { 200: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const done = await prompts.remove(BY, request.params.key);
      return done.ok ? doneOf(done) : send(reply, problemOfPrompt(done));
    },
  );
}
