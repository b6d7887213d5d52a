/** Who serves a queue: members added, changed and taken out without a restart. */
import { z } from 'zod';
import { asList, entryKey, isMap, type Doc } from '../../config/document.ts';
import { addMember, changeMember, findEntry, removeMember } from '../../config/edit.ts';
import { member } from '../../config/queue-schema.ts';
import type { Tree } from '../../config/tree.ts';
import type { ConfigPort } from '../config-port.ts';
import { notFound } from '../errors.ts';
import { send, type Http } from '../reply.ts';
import { errorAnswer } from '../schemas.ts';
import { doneAnswer, doneOf, optionsOf, problemOfChange } from './config-answers.ts';

const BY = 'http';
const failures = { 400: errorAnswer, 404: errorAnswer, 409: errorAnswer, 503: errorAnswer };
const params = z.object({ name: z.string() });
const one = z.object({ name: z.string(), agent: z.string() });
const body = optionsOf(member, ['agent']);
const tags = ['configure'];

/** Those with something of their own, then those who name the queue in their own list. */
function membersOf(doc: Doc, queue: string): Record<string, Tree>[] | null {
  const entry = findEntry(doc, 'queue', queue);
  if (entry === undefined || !isMap(entry)) return null;
  const listed = asList((entry as Readonly<Record<string, Tree>>)['members']).filter(isMap);
  const known = new Set(listed.map((each) => entryKey(each, 'agent')));
  const others = asList(doc['agents'])
    .filter((agent) => isMap(agent) && asList(agent['queues']).includes(queue))
    .map((agent) => entryKey(agent, 'id'))
    .filter((id) => !known.has(id));
  return [...listed.map((each) => ({ ...each })), ...others.map((agent) => ({ agent }))];
}

export function addMembers(http: Http, config: ConfigPort): void {
  http.get(
    '/queues/:name/members',
    {
      schema: {
        summary: 'Members of a queue, as they are written',
        tags,
        params,
        response: {
          200: z.object({ members: z.array(z.record(z.string(), z.unknown())) }),
          404: errorAnswer,
        },
      },
    },
    (request, reply) => {
      const { name } = request.params;
      const members = membersOf(config.document(), name);
      return members === null ? send(reply, notFound('queue', name)) : { members };
    },
  );
  http.post(
    '/queues/:name/members',
    {
      schema: {
        summary: 'Make an agent a member of a queue',
        tags,
        params,
        body: body.extend({ agent: z.union([z.string(), z.number()]).transform(String) }),
        response: { 201: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { agent: who, ...options } = request.body as Readonly<Record<string, unknown>>;
      const agent = String(who);
      const done = await config.change(BY, `agent ${agent} joins queue ${name}`, (doc) =>
        addMember(doc, name, agent, options),
      );
      if (!done.ok) return send(reply, problemOfChange(done));
      const place = [name, 'members', agent].map(encodeURIComponent).join('/');
      void reply.header('Location', `/queues/${place}`);
      return reply.code(201).send(doneOf(done));
    },
  );
  http.patch(
    '/queues/:name/members/:agent',
    {
      schema: {
        summary: 'Change what a member has of his own in a queue',
        tags,
        params: one,
        body,
        response: { 200: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const { name, agent } = request.params;
      const options = request.body as Readonly<Record<string, unknown>>;
      const done = await config.change(BY, `agent ${agent} in queue ${name} changed`, (doc) =>
        changeMember(doc, name, agent, options),
      );
      return done.ok ? doneOf(done) : send(reply, problemOfChange(done));
    },
  );
  http.delete(
    '/queues/:name/members/:agent',
    {
      schema: {
        summary: 'Take an agent out of a queue; a call he has goes on',
        tags,
        params: one,
        response: { 200: doneAnswer, ...failures },
      },
    },
    async (request, reply) => {
      const { name, agent } = request.params;
      const done = await config.change(BY, `agent ${agent} leaves queue ${name}`, (doc) =>
        removeMember(doc, name, agent),
      );
      return done.ok ? doneOf(done) : send(reply, problemOfChange(done));
    },
  );
}
