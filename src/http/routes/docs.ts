/**
 * What the interface says of itself: GET /openapi.json, GET /docs (the same for people, one page
 * without any outside part, written by the browser from nothing but this text), GET /errors.
 */
import { z } from 'zod';
import { CATALOGUE, ERROR_CODES, typeOf, type ErrorCode } from '../catalogue.ts';
import { writePage } from '../docs-page.ts';
import { problem } from '../errors.ts';
import { needs } from '../gate.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';

const errorKind = z
  .object({
    type: z.string(),
    code: z.enum(ERROR_CODES),
    status: z.number().int(),
    title: z.string(),
  })
  .meta({ id: 'ErrorKind' });

const kindOf = (code: ErrorCode) => ({ type: typeOf(code), code, ...CATALOGUE[code] });

/**
 * A text that stays the same while we run, written when it is first asked for. Writing it takes
 * many milliseconds of the thread that calls are served on, and strangers may ask as they like.
 */
function writtenOnce(write: () => string): () => Buffer {
  let written: Buffer | null = null;
  return () => (written ??= Buffer.from(write()));
}

export function addDocs(http: Http): void {
  const description = writtenOnce(() => JSON.stringify(http.swagger()));
  const page = writtenOnce(() => writePage(http.swagger()));
  http.get(
    '/openapi.json',
    { config: needs('anyone'), schema: { hide: true } },
    (_request, reply) => reply.type('application/json; charset=utf-8').send(description()),
  );
  // Whoever opens the place in a browser wants to know what there is.
  http.get('/', { config: needs('anyone'), schema: { hide: true } }, (_request, reply) =>
    reply.redirect('/docs'),
  );
  http.get('/docs', { config: needs('anyone'), schema: { hide: true } }, (_request, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .send(page()),
  );
  http.get(
    '/errors',
    {
      config: needs('anyone'),
      schema: {
        summary: 'The catalogue of error codes',
        tags: ['operate'],
        response: { 200: z.object({ errors: z.array(errorKind) }) },
      },
    },
    () => ({ errors: ERROR_CODES.map(kindOf) }),
  );
  http.get(
    '/errors/:code',
    {
      config: needs('anyone'),
      schema: {
        summary: 'One error code',
        tags: ['operate'],
        params: z.object({ code: z.string().max(80) }),
        response: { 200: errorKind, 404: errorAnswer },
      },
    },
    (request, reply) => {
      const code = ERROR_CODES.find((known) => known === request.params.code);
      if (code !== undefined) return kindOf(code);
      return send(reply, problem('unknown-error', 'there is no such code; GET /errors lists them'));
    },
  );
}
