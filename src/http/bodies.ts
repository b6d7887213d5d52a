/**
 * What bodies are taken: JSON, and where it is none, the answer tells at which place. Any other
 * type is 415, but where a route says that it takes it (prompts).
 */
import type { FastifyInstance } from 'fastify';
import { problem, ProblemError } from './errors.ts';

/** Deeper than any body that is taken; what reads it after this calls itself at each level. */
const DEPTH_MAX = 64;

/** Counts brackets that are open at once, outside of texts. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let isInText = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '"') isInText = !isInText;
    else if (isInText) at += sign === '\\' ? 1 : 0;
    else if (sign === '[' || sign === '{') depth += 1;
    else if (sign === ']' || sign === '}') depth -= 1;
    if (depth > DEPTH_MAX) return true;
  }
  return false;
}

/** What JSON.parse says, without the excerpt of the body that it may add. */
function reasonOf(text: string): string {
  try {
    JSON.parse(text);
  } catch (error) {
    return error instanceof Error
      ? error.message.replace(/, (\.\.\.)?".*"(\.\.\.)? is not valid JSON$/s, '').slice(0, 120)
      : '';
  }
  return 'it has a key that may not be there (__proto__ or constructor)';
}

export function takeJsonAlone(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    const text = body.toString();
    if (text === '') {
      const detail = 'the body is empty; send JSON, or leave Content-Type out';
      done(new ProblemError(problem('bad-request', detail)));
      return;
    }
    if (isTooDeep(text)) {
      const detail = `the body is nested deeper than ${DEPTH_MAX} levels; flatten it`;
      done(new ProblemError(problem('bad-request', detail)));
      return;
    }
    void parse(request, text, (error, value) => {
      if (error === null) done(null, value);
      else {
        const detail = `the body is no valid JSON: ${reasonOf(text)}`;
        done(new ProblemError(problem('bad-request', detail)));
      }
    });
  });
}
