/** The OpenAPI document without a running ACD: the same routes over a view of nothing. */
import { createLog } from '../observe/log.ts';
import { createHttp } from './server.ts';

export async function describeApi(version: string): Promise<object> {
  const nothing = () => {
    throw new Error('this view only describes');
  };
  const http = await createHttp({
    view: {
      queues: nothing,
      queue: nothing,
      agents: nothing,
      agent: nothing,
      calls: nothing,
      health: nothing,
      metrics: nothing,
    },
    steering: { pause: nothing, resume: nothing, logOut: nothing },
    prompts: { list: nothing, upload: nothing, remove: nothing },
    configuration: {
      document: nothing,
      version: nothing,
      versions: nothing,
      documentOf: nothing,
      changedByRest: nothing,
      reload: nothing,
      rollback: nothing,
      change: nothing,
    },
    reports: { wake: nothing, ask: nothing, health: nothing, close: nothing },
    log: createLog({ level: 'error', format: 'json', name: 'http' }),
    version,
  });
  const document = http.swagger();
  await http.close();
  return document;
}
