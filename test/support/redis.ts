/** Debian's redis-server as an actor: in memory alone, on a free port of loopback. */
import { freePort } from './ports.ts';
import { run } from './processes.ts';
import type { Actor, Stage } from './stage.ts';

export interface Redis extends Actor {
  /** `127.0.0.1:port` */
  readonly address: string;
}

export async function startRedis(stage: Stage): Promise<Redis> {
  const port = await freePort();
  const keepsNothing = ['--save', '', '--appendonly', 'no'];
  const redis = run({
    name: 'redis-server',
    command: 'redis-server',
    args: ['--bind', '127.0.0.1', '--port', String(port), '--dir', stage.folder, ...keepsNothing],
  });
  await redis.printed(/Ready to accept connections/);
  return { address: `127.0.0.1:${port}`, stop: () => redis.stop() };
}
