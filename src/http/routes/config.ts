/**
 * The configuration as a whole: what holds, its versions, the file loaded again, an older version
 * brought back.
 */
import { z } from 'zod';
import { isMap, LIVE_SECTIONS, type TreeMap } from '../../config/document.ts';
import { treeOf } from '../../config/edit.ts';
import { diffConfigs, hidePins } from '../../config/merge.ts';
import { MAX_CONFIG_BYTES } from '../../config/tree.ts';
import type { ConfigVersion } from '../../core/types.ts';
import { byWhom } from '../actor.ts';
import type { ConfigPort } from '../config-port.ts';
import { problem } from '../errors.ts';
import { needs } from '../gate.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import {
  answerChange,
  changeAnswer,
  changed,
  ifMatch,
  problemOfChange,
  tags,
  versionAnswer,
} from './config-answers.ts';

const flag = z.enum(['true', 'false']).default('false');
const dryRun = { dry_run: flag.describe('true: only say what would change') };
const number = z.coerce.number().int().min(1);
const UNKNOWN = { ok: false, why: 'unknown-version' } as const;

/** The sections as JSON has them; acd.yaml's schema has the last word. */
const wholeBody = z
  .strictObject({
    ...Object.fromEntries(LIVE_SECTIONS.map((name) => [name, z.unknown().optional()])),
    uploads: z
      .unknown()
      .optional()
      .describe('As GET /config has it; prompts have their own routes'),
  })
  .meta({ id: 'ConfigDocument' });
const NO_PREFER = problem(
  'bad-request',
  'prefer is for loading acd.yaml; leave it or the body out',
);
const NO_TREE = problem('bad-request', 'the document holds something that acd.yaml cannot');

/** Null: nothing that acd.yaml could hold. */
function sectionsOf({ uploads: _kept, ...sections }: z.output<typeof wholeBody>): TreeMap | null {
  try {
    const tree = treeOf(sections);
    return tree !== undefined && isMap(tree) ? tree : null;
  } catch (error) {
    // Nested deeper than the stack.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function versionOf({ version, at, by, source, note }: ConfigVersion) {
  return { version, at: new Date(at).toISOString(), by, source, note };
}

export function addConfig(http: Http, config: ConfigPort): void {
  addReading(http, config);
  http.put(
    '/config',
    {
      config: needs('admin'),
      bodyLimit: MAX_CONFIG_BYTES,
      schema: {
        summary: 'Load acd.yaml again; or, with a body, have that in place of what holds',
        description:
          'Checked as a whole, merged with what REST changed since the last load, applied at ' +
          'once. With a body, which is a document as `config` of GET /config, acd.yaml is not ' +
          'read: what holds becomes that document as a whole (a section that is left out is ' +
          'gone; a hidden PIN stays that of the agent of the same `id`, and is refused where he ' +
          'has none), as a change by REST; `prefer` says nothing there. With `If-Match` (the ' +
          '`ETag` of GET /config) only where nobody has changed it since; else 412.',
        tags,
        querystring: z.strictObject({
          ...dryRun,
          prefer: z
            .enum(['file', 'rest'])
            .optional()
            .describe('Which wins where file and REST both changed a thing; without it: 409'),
        }),
        body: wholeBody.optional().nullable(),
        response: changed,
      },
    },
    async (request, reply) => {
      const { dry_run: dry, prefer = null } = request.query;
      const { body } = request;
      if (body !== null && body !== undefined) {
        if (prefer !== null) return send(reply, NO_PREFER);
        const written = sectionsOf(body);
        if (written === null) return send(reply, NO_TREE);
        const options = { by: byWhom(), dryRun: dry === 'true', ifVersion: ifMatch(request) };
        return answerChange(reply, await config.replace(written, options));
      }
      return answerChange(
        reply,
        await config.reload({
          ...{ by: byWhom(), prefer, dryRun: dry === 'true' },
          ifVersion: ifMatch(request),
        }),
      );
    },
  );
  http.post(
    '/config/rollback',
    {
      config: needs('admin'),
      schema: {
        summary: 'Bring an older version back, as a new one',
        description: 'Counts as a change by REST: loading the unchanged file again leaves it.',
        tags,
        querystring: z.strictObject(dryRun),
        body: z.strictObject({ version: z.number().int().min(1) }),
        response: changed,
      },
    },
    async (request, reply) => {
      const isDry = request.query.dry_run === 'true';
      const { version } = request.body;
      const options = { by: byWhom(), dryRun: isDry, ifVersion: ifMatch(request) };
      return answerChange(reply, await config.rollback(version, options));
    },
  );
}

function addReading(http: Http, config: ConfigPort): void {
  http.get(
    '/config',
    {
      config: needs('admin'),
      schema: {
        summary: 'What holds: everything that can change without a restart, and its versions',
        tags,
        response: {
          200: z.object({
            version: z.number().int(),
            config: z.unknown().describe('As in acd.yaml; PINs hidden'),
            changed_by_rest: z.array(changeAnswer).describe('Since the file was loaded'),
            versions: z.array(versionAnswer).describe('The newest last'),
          }),
        },
      },
    },
    (_request, reply) => {
      void reply.header('etag', `"${config.version()}"`);
      return {
        version: config.version(),
        config: hidePins(config.document()),
        changed_by_rest: [...config.changedByRest()],
        versions: config.versions().map(versionOf),
      };
    },
  );
  http.get(
    '/config/versions/:version',
    {
      config: needs('admin'),
      schema: {
        summary: 'One version as it was',
        tags,
        params: z.object({ version: number }),
        response: {
          200: z.object({ version: z.number().int(), config: z.unknown() }),
          400: errorAnswer,
          404: errorAnswer,
        },
      },
    },
    async (request, reply) => {
      const { version } = request.params;
      const doc = await config.documentOf(version);
      if (doc === null) return send(reply, problemOfChange(UNKNOWN));
      return { version, config: hidePins(doc) };
    },
  );
  addDiff(http, config);
}

function addDiff(http: Http, config: ConfigPort): void {
  http.get(
    '/config/diff',
    {
      config: needs('admin'),
      schema: {
        summary: 'What leads from one version to another',
        tags,
        querystring: z.strictObject({
          from: number.describe('Version'),
          to: number.optional().describe('Version; without it the one that holds'),
        }),
        response: {
          200: z.object({ changes: z.array(changeAnswer) }),
          400: errorAnswer,
          404: errorAnswer,
        },
      },
    },
    async (request, reply) => {
      const { from, to = config.version() } = request.query;
      const [before, after] = [await config.documentOf(from), await config.documentOf(to)];
      if (before === null || after === null) return send(reply, problemOfChange(UNKNOWN));
      return { changes: diffConfigs(before, after) };
    },
  );
}
