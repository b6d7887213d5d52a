/**
 * Whether a question fits the schema of its route, and if not, in words for people: what is wrong,
 * at which place, and, of a field that there is not, which was probably meant.
 */
import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { keysAt, nearest } from '../config/faults.ts';
import type { Path } from '../config/tree.ts';
import { problem, ProblemError } from './errors.ts';

const DETAIL_MAX = 500;
/** So many faults are put in words: more would not fit, and each costs the one thread time. */
const FAULTS_MAX = 12;
/** So many fields are named where none is near to the one that was given. */
const NAMED_MAX = 12;

const PARTS: Readonly<Record<string, readonly [part: string, word: string]>> = {
  body: ['body', 'field'],
  querystring: ['query', 'parameter'],
  params: ['path', 'part'],
  headers: ['headers', 'header'],
};

function unknownKey(key: string, known: readonly string[], word: string): string {
  const shown = `there is no ${word} "${key.slice(0, 80)}" here`;
  const meant = nearest(key, known);
  if (meant !== null) return `${shown}; did you mean "${meant}"?`;
  if (known.length === 0) return `${shown}, nor any other`;
  const rest = known.length > NAMED_MAX ? ' …' : '';
  return `${shown}; there are: ${known.slice(0, NAMED_MAX).join(', ')}${rest}`;
}

function saidOf(issue: z.core.$ZodIssue, schema: z.ZodType, word: string): string {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path as Path);
    return issue.keys
      .slice(0, FAULTS_MAX)
      .map((key) => unknownKey(key, known, word))
      .join('; ');
  }
  // What zod says of it is of JavaScript.
  const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return isMissing ? 'is missing' : issue.message.replace(/^Invalid input: /, '');
}

/** In place of the one of the type provider. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const [part, word] = PARTS[httpPart ?? 'body'] ?? ['body', 'field'];
  return (data: unknown) => {
    const read = schema.safeParse(data);
    if (read.success) return { value: read.data };
    const found = read.error.issues.slice(0, FAULTS_MAX).map((issue) => {
      const at = issue.path.map(String).join('/');
      return `${part}${at === '' ? '' : ` /${at}`}: ${saidOf(issue, schema, word)}`;
    });
    return {
      error: new ProblemError(problem('bad-request', found.join('; ').slice(0, DETAIL_MAX))),
    };
  };
};
