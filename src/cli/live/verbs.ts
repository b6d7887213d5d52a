/**
 * The verbs on a running ACD: `status`, `queue …`, `agent …`, `call …`, `log`, `top`. Each is a
 * request of REST, printed for people, or with --json as REST gave it.
 */
import type { Command } from 'commander';
import { EXIT } from '../exit.ts';
import { addAgent } from './agent-verbs.ts';
import { addCall } from './call-verbs.ts';
import { ask, tell, type Written } from './client.ts';
import type { Place } from './reach.ts';
import { addBan, addLock } from './guard-verbs.ts';
import { addLog } from './log.ts';
import { addQueue } from './queue-verbs.ts';
import { addTop } from './top.ts';
import type { Health } from './top-frame.ts';
import { verb, type Done, type Group } from './verb.ts';

function showPart(name: string, part: { up: boolean; detail: string } | undefined): string {
  if (part === undefined) return `${name.padEnd(10)} not told; the ACD there is of another version`;
  return `${name.padEnd(10)} ${part.up ? 'up' : 'DOWN'} ${part.detail}`.trimEnd();
}

function showLoad(load: Health['load']): string[] {
  if (load === undefined) return [];
  const overload = load.overload === null ? '' : `; new calls get 503 (${load.overload})`;
  return [`${'calls'.padEnd(10)} ${load.calls} of ${load.max_calls}${overload}`];
}

function showHealth(health: Health): string {
  const { status, version, uptime_seconds: up, sip, media, journal, bugs, drain, load } = health;
  return [
    `${status}: version ${version}, up ${up} s, broken invariants ${bugs}`,
    showPart('sip', sip),
    showPart('media', media),
    showPart('journal', journal),
    showPart('reports', health.reports),
    showPart('config', health.configuration),
    ...showLoad(load),
    ...health.registrars.map(({ name, registrar, state, detail }) =>
      `${name.padEnd(10)} ${state} at ${registrar} ${detail}`.trimEnd(),
    ),
    ...(drain ? [`draining: ${drain.calls_left} calls left`] : []),
  ].join('\n');
}

function addStatus(group: Group): void {
  verb(group, 'status', 'is everything well?').action(async (written: Written) => {
    let isUnwell = false;
    const get = async (place: Place) => {
      const answer = await ask<Health>(place, '/health');
      isUnwell = answer.ok && answer.body.status === 'degraded';
      return answer;
    };
    const done = await tell(written, get, showHealth);
    group.done(isUnwell && done === EXIT.ok ? EXIT.unwell : done);
  });
}

/** All verbs that talk with a running ACD. */
export function addLive(program: Command, flags: readonly string[], done: Done): void {
  const group: Group = { parent: program, flags, done };
  const under = (name: string, text: string): Group => ({
    ...group,
    parent: program.command(name).description(text),
  });
  addStatus(group);
  addQueue(under('queue', 'the queues of the running ACD'));
  addAgent(under('agent', 'the agents of the running ACD'));
  addCall(under('call', 'the calls of the running ACD'));
  addBan(under('ban', 'addresses that are banned for a time'));
  addLock(under('lock', 'agents and phones locked by wrong PINs'));
  addLog(group);
  addTop(group);
}
