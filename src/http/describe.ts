/** REST without a running ACD: the same routes over a view of nothing, and their description. */
import { createLog } from '../observe/log.ts';
import type { Http } from './reply.ts';
import { createHttp } from './server.ts';
import { Stream } from './stream.ts';

/** REST that listens nowhere, for as long as `use` takes; whoever asks it for a fact gets 500. */
export async function overNothing<T>(
  version: string,
  use: (http: Http) => T | Promise<T>,
): Promise<T> {
  const nothing = () => {
    throw new Error('this view only describes');
  };
  const unfed = { feed: null as never, subjects: null as never, now: nothing, atRest: nothing };
  const stream = new Stream(unfed);
  const http = await createHttp({
    view: {
      has: nothing,
      queues: nothing,
      queue: nothing,
      agents: nothing,
      agent: nothing,
      calls: nothing,
      call: nothing,
      brief: nothing,
      reasonsOf: nothing,
      health: nothing,
      metrics: nothing,
    },
    prompts: { list: nothing, upload: nothing, remove: nothing },
    configuration: {
      document: nothing,
      version: nothing,
      versions: nothing,
      documentOf: nothing,
      changedByRest: nothing,
      reload: nothing,
      replace: nothing,
      rollback: nothing,
      change: nothing,
    },
    steering: {
      pause: nothing,
      resume: nothing,
      logIn: nothing,
      logOut: nothing,
      join: nothing,
      leave: nothing,
      endWrapup: nothing,
      extendWrapup: nothing,
      calls: {
        dial: nothing,
        hangUp: nothing,
        hold: nothing,
        resume: nothing,
        withdraw: nothing,
        reorder: nothing,
        move: nothing,
        give: nothing,
        transfer: nothing,
        transferWithin: nothing,
      },
    },
    reports: { wake: nothing, useLevels: nothing, ask: nothing, health: nothing, close: nothing },
    stream,
    log: createLog({ level: 'error', format: 'json', name: 'http' }),
    version,
  });
  const used = await use(http);
  await http.close();
  stream.close();
  return used;
}

export async function describeApi(version: string): Promise<object> {
  return overNothing(version, (http) => http.swagger());
}
