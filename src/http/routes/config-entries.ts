/** Queues, agents, penalty rules and pause reasons: made, changed and removed without a restart. */
import { z } from 'zod';
import type { Doc } from '../../config/document.ts';
import { entryKey, asList } from '../../config/document.ts';
import { addEntry, changeEntry, findEntry, removeEntry, type Edited } from '../../config/edit.ts';
import { hidePins } from '../../config/merge.ts';
import { agent, penaltyRule, queue } from '../../config/queue-schema.ts';
import type { ConfigPort } from '../config-port.ts';
import { notFound } from '../errors.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import { doneAnswer, doneOf, optionsOf, problemOfChange } from './config-answers.ts';

const BY = 'http';
const failures = { 400: errorAnswer, 404: errorAnswer, 409: errorAnswer, 503: errorAnswer };
const entryAnswer = z.record(z.string(), z.unknown()).describe('As in acd.yaml; PINs hidden');

interface Resource {
  readonly kind: 'queue' | 'agent' | 'penalty-rule';
  readonly path: string;
  readonly key: 'name' | 'id';
  readonly section: z.ZodObject;
}

const RESOURCES: readonly Resource[] = [
  { kind: 'queue', path: '/queues', key: 'name', section: queue },
  { kind: 'agent', path: '/agents', key: 'id', section: agent },
  { kind: 'penalty-rule', path: '/penalty-rules', key: 'name', section: penaltyRule },
];

export function addEntries(http: Http, config: ConfigPort): void {
  for (const resource of RESOURCES) addResource(http, config, resource);
  addReasons(http, config);
}

function addResource(http: Http, config: ConfigPort, resource: Resource): void {
  const { kind, path, key, section } = resource;
  const word = kind.replace('-', ' ');
  const params = z.object({ [key]: z.string() });
  const nameOf = (request: { params: unknown }) => {
    return (request.params as Readonly<Record<string, string>>)[key] ?? '';
  };
  const change = (what: string, edit: (doc: Doc) => Edited) => config.change(BY, what, edit);
  const body = optionsOf(section, [key]);
  const id = z.union([z.string(), z.number()]).describe(key).transform(String);
  const tags = ['configure'];

  http.post(
    path,
    {
      schema: {
        summary: `Make a ${word}`,
        tags,
        body: body.extend({ [key]: id }),
        response: { 201: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const { [key]: name = '', ...options } = request.body as Readonly<Record<string, unknown>>;
      const made = String(name);
      const what = `${kind} ${made} made`;
      const done = await change(what, (doc) => addEntry(doc, kind, made, options));
      if (!done.ok) return send(reply, problemOfChange(done));
      void reply.header('Location', `${path}/${encodeURIComponent(made)}`);
      return reply.code(201).send(doneOf(done));
    },
  );
  http.patch(
    `${path}/:${key}`,
    {
      schema: {
        summary: `Change options of a ${word}`,
        tags,
        params,
        body,
        response: { 200: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const name = nameOf(request);
      const options = request.body as Readonly<Record<string, unknown>>;
      const what = `${kind} ${name} changed: ${Object.keys(options).join(', ')}`;
      const done = await change(what, (doc) => changeEntry(doc, kind, name, options));
      return done.ok ? doneOf(done) : send(reply, problemOfChange(done));
    },
  );
  http.delete(
    `${path}/:${key}`,
    {
      schema: {
        summary: `Remove a ${word}`,
        ...(kind === 'queue'
          ? { description: 'Nobody enters any more; calls that are in it are served first.' }
          : {}),
        tags,
        params,
        response: { 200: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const name = nameOf(request);
      const done = await change(`${kind} ${name} removed`, (doc) => removeEntry(doc, kind, name));
      return done.ok ? doneOf(done) : send(reply, problemOfChange(done));
    },
  );
  http.get(
    kind === 'penalty-rule' ? `${path}/:${key}` : `${path}/:${key}/options`,
    {
      schema: {
        summary: `Options of a ${word}, as they are written`,
        tags,
        params,
        response: { 200: entryAnswer, 404: errorAnswer },
      },
    },
    (request, reply) => {
      const name = nameOf(request);
      const entry = findEntry(config.document(), kind, name);
      if (entry === undefined) return send(reply, notFound(kind, name));
      return hidePins(entry) as Record<string, unknown>;
    },
  );
  if (kind !== 'penalty-rule') return;
  http.get(
    path,
    {
      schema: {
        summary: 'All penalty rules',
        tags,
        response: { 200: z.object({ 'penalty-rules': z.array(entryAnswer) }) },
      },
    },
    () => ({
      'penalty-rules': asList(config.document()['penalty-rules']) as Record<string, unknown>[],
    }),
  );
}

const reason = z.string().trim().min(1).max(80);
const seconds = z
  .number()
  .int()
  .min(0)
  .max(99_999)
  .default(0)
  .describe('Longest pause; 0: no limit');
const reasonParams = z.object({ reason: z.string() });

function writeReason(name: string, max: number): string {
  return max === 0 ? name : `${name}=${max}`;
}

function addReasons(http: Http, config: ConfigPort): void {
  const tags = ['configure'];
  http.get(
    '/pause-reasons',
    {
      schema: {
        summary: 'Reasons for which agents may pause; none: any',
        tags,
        response: {
          200: z.object({
            'pause-reasons': z.array(z.object({ reason: z.string(), max_seconds: z.number() })),
          }),
        },
      },
    },
    () => ({
      'pause-reasons': asList(config.document()['pause-reasons']).map((entry) => {
        const max = typeof entry === 'string' ? Number(entry.split('=')[1] ?? 0) : 0;
        return { reason: entryKey(entry, '='), max_seconds: max };
      }),
    }),
  );
  http.post(
    '/pause-reasons',
    {
      schema: {
        summary: 'Make a pause reason',
        tags,
        body: z.strictObject({ reason, max_seconds: seconds }),
        response: { 201: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const { reason: name, max_seconds: max } = request.body;
      const done = await config.change(BY, `pause reason ${name} made`, (doc) =>
        addEntry(doc, 'pause-reason', name, writeReason(name, max)),
      );
      if (!done.ok) return send(reply, problemOfChange(done));
      return reply.code(201).send(doneOf(done));
    },
  );
  http.patch(
    '/pause-reasons/:reason',
    {
      schema: {
        summary: 'Change how long one may pause for a reason',
        tags,
        params: reasonParams,
        body: z.strictObject({ max_seconds: seconds }),
        response: { 200: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const name = request.params.reason;
      const done = await config.change(BY, `pause reason ${name} changed`, (doc) =>
        changeEntry(doc, 'pause-reason', name, writeReason(name, request.body.max_seconds)),
      );
      return done.ok ? doneOf(done) : send(reply, problemOfChange(done));
    },
  );
  http.delete(
    '/pause-reasons/:reason',
    {
      schema: {
        summary: 'Remove a pause reason; who pauses for it goes on',
        tags,
        params: reasonParams,
        response: { 200: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const name = request.params.reason;
      const done = await config.change(BY, `pause reason ${name} removed`, (doc) =>
        removeEntry(doc, 'pause-reason', name),
      );
      return done.ok ? doneOf(done) : send(reply, problemOfChange(done));
    },
  );
}
