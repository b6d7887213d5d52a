/** Who serves a queue: members added, changed and taken out without a restart. */
import { z } from 'zod';
import { asList, entryKey, isMap, type Doc } from '../../config/document.ts';
import { addMember, changeMember, findEntry, removeMember } from '../../config/edit.ts';
import { member } from '../../config/queue-schema.ts';
import type { Tree } from '../../config/tree.ts';
import { byWhom } from '../actor.ts';
import type { ConfigPort } from '../config-port.ts';
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
} from './config-answers.ts';

const params = z.object({ name: z.string() });
const one = z.object({ name: z.string(), agent: z.string() });
const body = optionsOf(member, ['agent']);

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
  const schema = {
    summary: 'Members of a queue, as they are written',
    tags,
    params,
    querystring: z.strictObject(paging),
    response: {
      200: z.object({ members: z.array(z.record(z.string(), z.unknown())) }),
      400: errorAnswer,
      404: errorAnswer,
    },
  };
  http.get('/queues/:name/members', { config: needs('supervisor'), schema }, (request, reply) => {
    const { name } = request.params;
    const members = membersOf(config.document(), name);
    if (members === null) return send(reply, notFound('queue', name));
    const found = pageOf(members, (one) => entryKey(one, 'agent'), request.query);
    if ('code' in found) return send(reply, found);
    linkNext(request, reply, found.next);
    return { members: found.page };
  });
  addMaking(http, config);
  addChanging(http, config);
  addRemoving(http, config);
}

function addMaking(http: Http, config: ConfigPort): void {
  const schema = {
    summary: 'Make an agent a member of a queue',
    tags,
    params,
    body: body.extend({
      agent: z.union([z.string(), z.number()], 'must be text or a number').transform(String),
    }),
    response: made,
  };
  http.post('/queues/:name/members', { config: needs('admin'), schema }, async (request, reply) => {
    const { name } = request.params;
    const { agent: who, ...options } = request.body as Readonly<Record<string, unknown>>;
    const agent = String(who);
    const done = await config.change(
      byWhom(),
      `agent ${agent} joins queue ${name}`,
      (doc) => addMember(doc, name, agent, options),
      ifMatch(request),
    );
    return answerMade(reply, done, ['queues', name, 'members', agent]);
  });
}

function addChanging(http: Http, config: ConfigPort): void {
  const schema = {
    summary: 'Change what a member has of his own in a queue',
    tags,
    params: one,
    body,
    response: changed,
  };
  http.patch(
    '/queues/:name/members/:agent',
    { config: needs('admin'), schema },
    async (request, reply) => {
      const { name, agent } = request.params;
      const options = request.body as Readonly<Record<string, unknown>>;
      const done = await config.change(
        byWhom(),
        `agent ${agent} in queue ${name} changed`,
        (doc) => changeMember(doc, name, agent, options),
        ifMatch(request),
      );
      return answerChange(reply, done);
    },
  );
}

function addRemoving(http: Http, config: ConfigPort): void {
  const schema = {
    summary: 'Take an agent out of a queue; a call he has goes on',
    tags,
    params: one,
    response: changed,
  };
  http.delete(
    '/queues/:name/members/:agent',
    { config: needs('admin'), schema },
    async (request, reply) => {
      const { name, agent } = request.params;
      const done = await config.change(
        byWhom(),
        `agent ${agent} leaves queue ${name}`,
        (doc) => removeMember(doc, name, agent),
        ifMatch(request),
      );
      return answerChange(reply, done);
    },
  );
}
