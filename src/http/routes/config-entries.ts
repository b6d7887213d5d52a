/** Queues, agents and penalty rules: made, changed and removed without a restart. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { asList, entryKey, isMap, type Doc } from '../../config/document.ts';
import { addEntry, changeEntry, findEntry, removeEntry, type Edited } from '../../config/edit.ts';
import { hidePins } from '../../config/merge.ts';
import { agent, penaltyRule, queue } from '../../config/queue-schema.ts';
import type { Tree } from '../../config/tree.ts';
import { byWhom, seesAll, seesQueue } from '../actor.ts';
import type { ConfigOutcome, ConfigPort } from '../config-port.ts';
import { notFound } from '../errors.ts';
import { needs } from '../gate.ts';
import { linkNext, pageOf, paging } from '../pages.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import {
  answerChange,
  answerMade,
  changed,
  ifMatch,
  made,
  optionsOf,
  tags,
  withArticle,
} from './config-answers.ts';

const entryAnswer = z.record(z.string(), z.unknown()).describe('As in acd.yaml; PINs hidden');

type Options = Readonly<Record<string, unknown>>;

interface Resource {
  readonly kind: 'queue' | 'agent' | 'penalty-rule';
  readonly path: string;
  readonly key: 'name' | 'id';
  readonly section: z.ZodObject;
  /** What a removal does to those concerned. */
  readonly removal: string;
}

const RESOURCES: readonly Resource[] = [
  {
    kind: 'queue',
    path: 'queues',
    key: 'name',
    section: queue,
    removal: 'Nobody enters any more; calls that are in it are served first.',
  },
  {
    kind: 'agent',
    path: 'agents',
    key: 'id',
    section: agent,
    removal: 'He is logged out, after the call he has, and a member of no queue.',
  },
  {
    kind: 'penalty-rule',
    path: 'penalty-rules',
    key: 'name',
    section: penaltyRule,
    removal: 'Refused while a queue names it.',
  },
];

/** Whoever sees some queues alone is told of no others that an agent is in. */
function seen(kind: Resource['kind'], entry: Tree): Tree {
  if (kind !== 'agent' || seesAll() || entry === undefined || !isMap(entry)) return entry;
  return {
    ...entry,
    queues: asList(entry['queues']).filter((one) => seesQueue(entryKey(one, '='))),
  };
}

/** The routes of one resource. */
class Entries {
  readonly #http: Http;
  readonly #config: ConfigPort;
  readonly #resource: Resource;
  /** With its article. */
  readonly #noun: string;
  readonly #params: z.ZodObject;
  readonly #body: z.ZodObject;

  constructor(http: Http, config: ConfigPort, resource: Resource) {
    const { kind, key, section } = resource;
    this.#http = http;
    this.#config = config;
    this.#resource = resource;
    this.#noun = withArticle(kind);
    this.#params = z.object({ [key]: z.string() });
    this.#body = optionsOf(section, [key]);
  }

  #nameOf({ params }: { readonly params: unknown }): string {
    return (params as Readonly<Record<string, string>>)[this.#resource.key] ?? '';
  }

  #change(
    request: FastifyRequest,
    what: string,
    edit: (doc: Doc) => Edited,
  ): Promise<ConfigOutcome> {
    const note = `${this.#resource.kind} ${what}`;
    return this.#config.change(byWhom(), note, edit, ifMatch(request));
  }

  addMaking(): void {
    const { kind, path, key } = this.#resource;
    const id = z
      .union([z.string(), z.number()], 'must be text or a number')
      .describe(key)
      .transform(String);
    const body = this.#body.extend({ [key]: id });
    this.#http.post(
      `/${path}`,
      {
        config: needs('admin'),
        schema: { summary: `Make ${this.#noun}`, tags, body, response: made },
      },
      async (request, reply) => {
        const { [key]: given = '', ...options } = request.body as Options;
        const name = String(given);
        const done = await this.#change(request, `${name} made`, (doc) =>
          addEntry(doc, kind, name, options),
        );
        return answerMade(reply, done, [path, name]);
      },
    );
  }

  addChanging(): void {
    const { kind, path, key } = this.#resource;
    const schema = {
      summary: `Change options of ${this.#noun}`,
      tags,
      params: this.#params,
      body: this.#body,
      response: changed,
    };
    this.#http.patch(
      `/${path}/:${key}`,
      { config: needs('admin'), schema },
      async (request, reply) => {
        const name = this.#nameOf(request);
        const options = request.body as Options;
        const what = `${name} changed: ${Object.keys(options).join(', ')}`;
        const done = await this.#change(request, what, (doc) =>
          changeEntry(doc, kind, name, options),
        );
        return answerChange(reply, done);
      },
    );
  }

  addRemoving(): void {
    const { kind, path, key, removal } = this.#resource;
    const schema = {
      summary: `Remove ${this.#noun}`,
      description: removal,
      tags,
      params: this.#params,
      response: changed,
    };
    this.#http.delete(
      `/${path}/:${key}`,
      { config: needs('admin'), schema },
      async (request, reply) => {
        const name = this.#nameOf(request);
        const done = await this.#change(request, `${name} removed`, (doc) =>
          removeEntry(doc, kind, name),
        );
        return answerChange(reply, done);
      },
    );
  }

  /** What is written; /queues/:name and /agents/:id themselves tell what goes on there. */
  addReading(): void {
    const { kind, path, key } = this.#resource;
    const schema = {
      summary: `Options of ${this.#noun}, as they are written`,
      tags,
      params: this.#params,
      response: { 200: entryAnswer, 404: errorAnswer },
    };
    const end = kind === 'penalty-rule' ? '' : '/options';
    this.#http.get(
      `/${path}/:${key}${end}`,
      { config: needs('supervisor'), schema },
      (request, reply) => {
        const name = this.#nameOf(request);
        const entry = findEntry(this.#config.document(), kind, name);
        if (entry === undefined) return send(reply, notFound(kind, name));
        return hidePins(seen(kind, entry)) as Record<string, unknown>;
      },
    );
  }
}

function addRuleList(http: Http, config: ConfigPort): void {
  const schema = {
    summary: 'All penalty rules',
    tags,
    querystring: z.strictObject(paging),
    response: { 200: z.object({ 'penalty-rules': z.array(entryAnswer) }), 400: errorAnswer },
  };
  http.get('/penalty-rules', { config: needs('supervisor'), schema }, (request, reply) => {
    const all = asList(config.document()['penalty-rules']) as Record<string, unknown>[];
    const found = pageOf(all, (rule) => entryKey(rule as Tree, 'name'), request.query);
    if ('code' in found) return send(reply, found);
    linkNext(request, reply, found.next);
    return { 'penalty-rules': found.page };
  });
}

export function addEntries(http: Http, config: ConfigPort): void {
  for (const resource of RESOURCES) {
    const entries = new Entries(http, config, resource);
    entries.addMaking();
    entries.addChanging();
    entries.addRemoving();
    entries.addReading();
  }
  addRuleList(http, config);
}
