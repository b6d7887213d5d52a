/** `acd call …`: look at calls, and do to one what a supervisor may. */
import type { CallDetail } from '../../http/call-schemas.ts';
import type { CallAnswer } from '../../http/schemas.ts';
import { fault } from '../exit.ts';
import { writeTable, type Column } from '../table.ts';
import { ask, tell, type Answer, type Written } from './client.ts';
import type { Place } from './reach.ts';
import { at, details, order, verb, wholeOf, type Group } from './verb.ts';

const CALL_COLUMNS: readonly Column[] = [
  ['id', 'call'],
  ['queue', 'queue'],
  ['state', 'state'],
  ['position', 'place'],
  ['from', 'from'],
  ['waited_seconds', 'waited s'],
  ['talked_seconds', 'talked s'],
  ['agent', 'agent'],
];

function writeCall({ agents, ...call }: CallDetail): string {
  const members = agents.map(({ agent, why }) => ({ agent, ...why }));
  const reasons = writeTable(members, [
    ['agent', 'agent'],
    ['reason', 'why not'],
    ['for_seconds', 'for s'],
  ]);
  return members.length === 0 ? details(call) : `${details(call)}\n\n${reasons}`;
}

function addLooks(group: Group): void {
  const { done } = group;
  const get = (place: Place): Promise<Answer<{ calls: CallAnswer[] }>> => ask(place, '/calls');
  verb(group, 'list', 'all calls, waiting or talking').action(async (written: Written) => {
    done(await tell(written, get, ({ calls }) => writeTable(calls, CALL_COLUMNS)));
  });
  verb(group, 'show', 'one call, what it waits for, and why each agent is not rung for it')
    .argument('<id>')
    .action(async (id: string, written: Written) => {
      const one = (place: Place) => ask<CallDetail>(place, `/calls/${at(id)}`);
      done(await tell(written, one, writeCall));
    });
}

function addActs(group: Group): void {
  const { done } = group;
  verb(group, 'dial', 'ring an agent’s phone, then dial a number for him; prints the call’s id')
    .argument('<agent>')
    .argument('<to>', 'a number, or sip:user@host')
    .action(async (agent: string, to: string, written: Written) => {
      const dial = (place: Place) => ask<CallDetail>(place, '/calls', 'POST', { agent, to });
      done(await tell(written, dial, ({ call }) => call));
    });
  const act = (id: string, name: string, written: Written, body?: unknown) =>
    order(written, `/calls/${at(id)}/${name}`, body);
  const plain = [
    ['hangup', 'end a call, whatever it is doing'],
    ['hold', 'have a talking caller hear music; his agent hears nothing'],
    ['resume', 'end that hold; where a phone holds, too, it goes on'],
    ['withdraw', 'take a waiting call out of its queue; failover.withdraw says where it goes'],
  ] as const;
  for (const [name, text] of plain) {
    verb(group, name, text)
      .argument('<id>')
      .action(async (id: string, written: Written) => done(await act(id, name, written)));
  }
  const sent = [
    ['move', 'queue', 'move a waiting call into another queue; it keeps its wait'],
    ['give', 'agent', 'ring this agent for a waiting call, out of turn'],
    ['transfer', 'to', 'send a call to sip:user@host, queue:name or agent:id'],
  ] as const;
  for (const [name, key, text] of sent) {
    verb(group, name, text)
      .argument('<id>')
      .argument(`<${key}>`)
      .action(async (id: string, value: string, written: Written) => {
        done(await act(id, name, written, { [key]: value }));
      });
  }
  verb(group, 'order', 'give a waiting call another place in its line, or another priority')
    .argument('<id>')
    .option('--position <number>', 'its place, 1 is next')
    .option('--priority <number>', 'higher is served first')
    .action(async (id: string, written: Written & Partial<Record<Wish, string>>) => {
      const given = WISHES.filter((key) => written[key] !== undefined);
      const wishes = given.map((key) => [key, wholeOf(written[key] ?? '')] as const);
      if (wishes.length !== 1 || wishes.some(([, value]) => value === null)) {
        return done(fault('give --position or --priority, one of them, with a number'));
      }
      done(await act(id, 'order', written, Object.fromEntries(wishes)));
    });
}

const WISHES = ['position', 'priority'] as const;
type Wish = (typeof WISHES)[number];

export function addCall(group: Group): void {
  addLooks(group);
  addActs(group);
}
