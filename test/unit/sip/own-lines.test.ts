/** Goal: a REFER means a line of ours exactly where its address is one. Method: examples. */
import { expect, it } from 'vitest';
import { initialState } from '../../../src/core/state.ts';
import { evolve } from '../../../src/core/evolve.ts';
import type { EdgeContext } from '../../../src/sip/context.ts';
import { insideOf } from '../../../src/sip/own-lines.ts';
import { agent, config, queue } from '../core/scenario.ts';
import { acdConfig, registrar } from './fakes.ts';

const queues = [queue('help'), queue('direct', { direct: true })];
const state = initialState();
const core = config(queues, [agent('2771', 'help')]);
evolve(state, { kind: 'ConfigApplied', at: 1, by: 'config', config: core });
evolve(state, {
  ...{ kind: 'CallEntered', at: 1, by: 'sip', callId: 'c', queue: 'help', sipCallId: 's' },
  ...{ from: 'a@b', fromName: '', to: 'help@acd.example:5071', entry: 1, position: 1 },
});
const sip = { ...acdConfig().sip, register: [registrar({ domain: 'pbx.example' })] };
const context = {
  config: { ...acdConfig(), sip },
  runtime: { state },
  addresses: () => ['udp/192.0.2.1:5071', 'tcp/[2001:db8::1]:5060'],
} as unknown as EdgeContext;

const help = { to: 'queue', queue: 'help' };
const him = { to: 'agent', agentId: '2771' };

it.each([
  ['where we listen', 'sip:help@192.0.2.1:5071', help],
  ['there over IPv6', 'sip:2771@[2001:DB8::1]', him],
  ['as his caller reached us', 'sip:2771@ACD.example:5071', him],
  ['as our account is called', 'sip:help@acd', help],
  ['a queue, as the PBX calls it', 'sip:help@pbx.example', help],
  ['an extension of the PBX', 'sip:2771@pbx.example', null],
  ['another server on our machine', 'sip:help@192.0.2.1', null],
  ['a name like ours elsewhere', 'sip:help@other.example', null],
  ['nobody of ours', 'sip:0900@192.0.2.1:5071', null],
  ['the line of calls to one agent', 'sip:direct@192.0.2.1:5071', null],
  ['no address', 'help', null],
] as const)('%s', (_what, uri, inside) => {
  expect(insideOf(context, uri, 'c')).toEqual(inside);
});
