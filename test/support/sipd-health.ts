/**
 * What must hold in the SIP server's core after any ill-treatment: nothing is left in its tables
 * once all deadlines have passed, and the next call is an ordinary one.
 */
import { expect } from 'vitest';
import { headerOf, statusOf, unique } from './raw-ua.ts';
import type { FakeClient, World } from './sipd-core.ts';

/** Longer than every deadline of a call that nobody answers, and of one whose ACD is gone. */
const ALL_DEADLINES_MS = 3_700_000;

/** What the tables hold; a healthy server at rest has none of it. */
export function leftovers(world: World): Record<string, number> {
  const { ctx } = world;
  const all = {
    serverTransactions: ctx.serverTxs.size,
    clientTransactions: ctx.clientTxs.size,
    uas: ctx.uas.size,
    uac: ctx.uac.size,
    unacked: ctx.unacked.size,
    unheard: ctx.unheard.size,
    dialogs: ctx.dialogs.size,
    timers: world.clock.pending,
  };
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0));
}

/** Lets every deadline pass; then nothing may be left. */
export function expectRest(world: World): void {
  world.clock.advance(ALL_DEADLINES_MS);
  world.takeSent();
  expect(leftovers(world)).toEqual({});
}

/** An ordinary call from INVITE to BYE, each step as it should be. */
export function expectOrdinaryCall(world: World, client: FakeClient): void {
  world.takeSent();
  const callId = unique('ordinary');
  world.arrive(world.request('INVITE', { callId }));
  expect(client.respond(client.last('INVITE'), 200)[0]).toBe('OK');
  const ok = world.takeSent().find((text) => statusOf(text) === 200) ?? '';
  expect(headerOf(ok, 'Call-ID')).toBe(callId);
  const to = headerOf(ok, 'To');
  world.arrive(world.request('ACK', { callId, to }));
  expect(headerOf(client.last('ACK').sip, 'Call-ID')).toBe(callId);
  world.arrive(world.request('BYE', { callId, to, cseq: 2 }));
  expect(client.respond(client.last('BYE'), 200)[0]).toBe('OK');
  expect(world.takeStory()).toEqual(['200']);
}
