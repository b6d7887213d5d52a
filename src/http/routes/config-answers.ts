/** What the routes of the configuration share: bodies out of acd.yaml's schema, and answers. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { metaOf } from '../../config/schema-meta.ts';
import type { ConfigDone, ConfigOutcome } from '../config-port.ts';
import { notFound, problem, refused, type Problem } from '../errors.ts';
import { send } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';

/** An option as JSON has it; acd.yaml's schema has the last word. */
const value = z
  .union(
    [
      z.string(),
      z.number(),
      z.boolean(),
      z.null(),
      z.array(z.union([z.string(), z.number(), z.record(z.string(), z.unknown())])),
      z.record(z.string(), z.unknown()),
    ],
    'must be a value as in acd.yaml: text, a number, true or false, a section or a list',
  )
  .describe('as in acd.yaml; null takes it out');

/** The options of a section of acd.yaml, all free; others are refused. */
export function optionsOf(section: z.ZodObject, without: readonly string[]) {
  const shape: Record<string, z.ZodOptional<typeof value>> = {};
  for (const [name, schema] of Object.entries(section.shape)) {
    if (without.includes(name)) continue;
    const { text = 'As in acd.yaml' } = metaOf(schema);
    shape[name] = value.optional().describe(text);
  }
  return z.strictObject(shape);
}

const tree = z.unknown().describe('As written in acd.yaml');

export const changeAnswer = z
  .object({
    path: z.string().describe('What changed: queues[sales].timeout'),
    before: tree.nullable().describe('null: it was not there'),
    after: tree.nullable().describe('null: it is gone'),
  })
  .meta({ id: 'ConfigChange' });

const doneAnswer = z
  .object({
    version: z.number().int().describe('The version that holds now'),
    dry_run: z.boolean().describe('true: nothing was applied'),
    changes: z.array(changeAnswer),
    waiting_for_restart: z
      .array(z.string())
      .describe('Settings that differ in the file and wait for `acd restart`'),
  })
  .meta({ id: 'ConfigDone' });

/** `a penalty rule`, `an agent`. */
export function withArticle(kind: string): string {
  return `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind.replace('-', ' ')}`;
}

export const tags = ['configure'];
const failures = {
  ...{ 400: errorAnswer, 404: errorAnswer, 409: errorAnswer, 412: errorAnswer },
  503: errorAnswer,
};
/** What a change may answer. */
export const changed = { 200: doneAnswer, ...failures };
export const made = { 201: doneAnswer, ...failures };

export const versionAnswer = z
  .object({
    version: z.number().int(),
    at: z.string().describe('Instant, ISO 8601'),
    by: z.string(),
    source: z.enum(['file', 'rest', 'rollback']),
    note: z.string().describe('What it changed'),
  })
  .meta({ id: 'ConfigVersion' });

export function doneOf({ version, changes, waiting, dryRun }: ConfigDone) {
  return {
    version,
    dry_run: dryRun,
    changes: [...changes],
    waiting_for_restart: [...waiting],
  };
}

/** What a change that was not made says. */
export function problemOfChange(outcome: Extract<ConfigOutcome, { ok: false }>): Problem {
  switch (outcome.why) {
    case 'faults':
      return problem('bad-configuration', outcome.details.join('\n'));
    case 'conflict': {
      const what = outcome.details.join(', ');
      const how = 'say which wins by prefer=file or prefer=rest';
      return problem(
        'config-conflict',
        `file and REST both changed since the last load: ${what}; ${how}`,
      );
    }
    case 'unavailable':
      return refused('unavailable', '');
    case 'stale':
      return problem(
        'version-changed',
        `version ${outcome.version} holds, not the one of If-Match; GET /config, and change that`,
      );
    case 'unknown-version':
      return problem(
        'unknown-version',
        'there is no such version, or the journal no longer has it; GET /config lists them',
      );
    case 'unknown':
      return notFound(outcome.kind, outcome.name);
    case 'exists': {
      const noun = withArticle(outcome.kind);
      const shown = outcome.name.slice(0, 80);
      return problem('exists', `there is ${noun} "${shown}" already; change it by PATCH`);
    }
  }
}

/** RFC 9110 §13.1.1: versions of which one is to be changed; undefined: whatever holds. */
export function ifMatch({ headers }: FastifyRequest): readonly number[] | undefined {
  const given = headers['if-match']?.trim() ?? '*';
  if (given === '*') return undefined;
  // Anything else is no version of ours, so none that holds.
  return given.split(',').map((tag) => Number(/^"(\d{1,9})"$/.exec(tag.trim())?.[1] ?? -1));
}

/** The answer to a change. */
export function answerChange(reply: FastifyReply, outcome: ConfigOutcome) {
  return outcome.ok ? doneOf(outcome) : send(reply, problemOfChange(outcome));
}

/** The answer where something was made; `place`: where it can be seen. */
export function answerMade(reply: FastifyReply, outcome: ConfigOutcome, place: readonly string[]) {
  if (!outcome.ok) return send(reply, problemOfChange(outcome));
  void reply.header('Location', `/${place.map(encodeURIComponent).join('/')}`);
  return reply.code(201).send(doneOf(outcome));
}
