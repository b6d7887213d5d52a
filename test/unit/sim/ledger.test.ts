/** Goal: the books show what must not be. Method: a right day, then one thing wrong in it. */
import { describe, expect, it } from 'vitest';
import type { CoreEvent } from '../../../src/core/events.ts';
import { Ledger } from '../../../src/sim/ledger.ts';

const device = { uri: 'sip:1@pbx', registrar: null };
const BY = { by: 'test' };
type Draft = Record<string, unknown> & { readonly kind: CoreEvent['kind'] };

const loggedIn: Draft = { kind: 'AgentLoggedIn', agentId: '1', device };
const idle = { kind: 'DeviceReported', agentId: '1', state: 'idle' } as const;
const entered = (callId: string, entry: number): Draft => ({
  kind: 'CallEntered',
  callId,
  queue: 'q',
  entry,
});
const confirmed = (callId: string): Draft => ({ kind: 'CallConfirmed', callId });
const offered = (offerId: string, callId: string, more = {}): Draft => ({
  kind: 'AgentOffered',
  offerId,
  callId,
  agentId: '1',
  queue: 'q',
  device,
  deadline: 9_000,
  ...more,
});
const bridge = { callId: 'a', agentId: '1', offerId: 'o' };
const answered: Draft = { kind: 'OfferAnswered', ...bridge, deadline: 9_000 };
const connected: Draft = { kind: 'CallConnected', ...bridge };
const ended: Draft = { kind: 'CallEnded', ...bridge };
const dialsOut: Draft = { kind: 'OutboundBegan', callId: 'd', agentId: '1', device };
const dialledOut: Draft = { kind: 'OutboundEnded', callId: 'd', agentId: '1' };
const pauseOfAll: Draft = { kind: 'AgentPaused', agentId: '1', reason: '' };
const BEFORE = [loggedIn, idle, entered('a', 1), confirmed('a')];

/** Faults found in these events; instants and waits are filled in rightly where not given. */
function faultsOf(drafts: readonly Draft[], isPlain = true): string[] {
  const ledger = new Ledger(isPlain);
  drafts.forEach((draft, index) => {
    const filled = { at: 1_000, ...BY, waitedMs: 0, talkedMs: 0, ...draft };
    ledger.hear({ seq: index + 1, event: filled as unknown as CoreEvent });
  });
  return [...ledger.faults, ...ledger.left()];
}

describe('the ledger', () => {
  it('finds nothing wrong with a right day', () => {
    expect(faultsOf([...BEFORE, offered('o', 'a'), answered, connected, ended])).toEqual([]);
  });

  it.each<[string, readonly Draft[], RegExp]>([
    ['a call that never ends', BEFORE, /call a never ended/],
    ['a second end', [...BEFORE, offered('o', 'a'), answered, connected, ended, ended], /before/],
    ['two offers at one agent', [...BEFORE, offered('o', 'a'), offered('p', 'a')], /has o already/],
    ['a ring before the leg is up', [loggedIn, idle, entered('a', 1), offered('o', 'a')], /no leg/],
    [
      'a ring at a busy phone',
      [...BEFORE, { ...idle, state: 'inuse' }, offered('o', 'a')],
      /inuse/,
    ],
    ['a ring in a pause', [...BEFORE, pauseOfAll, offered('o', 'a')], /is paused/],
    ['a ring in wrap-up', [...BEFORE, pause('WrapupStarted'), offered('o', 'a')], /in wrap-up/],
    ['a ring elsewhere', [...BEFORE, offered('o', 'a', { device: { uri: 'x' } })], /is not on x/],
    ['an offer without time', [...BEFORE, offered('o', 'a', { deadline: 1 })], /has no time/],
    ['a bridge nobody answered', [...BEFORE, offered('o', 'a'), connected], /never answered/],
    ['a wrong wait', [...BEFORE, { ...ended, offerId: null, waitedMs: 7 }], /7 ms is not how long/],
    ['an end while it rings', [...BEFORE, offered('o', 'a'), { ...ended, offerId: null }], /rings/],
    ['an entry out of order', [entered('a', 2), entered('b', 1)], /entry 1 after 2/],
    ['an event of the past', [loggedIn, { ...idle, at: 999 }], /older than the one before/],
    ['a ring while he dials', [...BEFORE, dialsOut, offered('o', 'a')], /has d already/],
    ['a call of his own while it rings', [...BEFORE, offered('o', 'a'), dialsOut], /has o already/],
    ['a second end of it', [loggedIn, dialsOut, dialledOut, dialledOut], /no outbound call d/],
    ['none', [loggedIn, dialsOut], /outbound call d never ended/],
    ['a talk of it that was none', [loggedIn, dialsOut, { ...dialledOut, talkedMs: 5 }], /5 ms/],
    ['a logout in a call', [...BEFORE, offered('o', 'a'), pause('AgentLoggedOut')], /has o/],
  ])('sees %s', (_name, drafts, fault) => {
    expect(faultsOf(drafts).join('\n')).toMatch(fault);
  });

  it('sees who is served before his turn, where all are equal', () => {
    const jump = [...BEFORE, entered('b', 2), confirmed('b'), offered('o', 'b')];
    expect(faultsOf(jump).join('\n')).toMatch(/b is served before a, who came first/);
    expect(faultsOf(jump, false).join('\n')).not.toMatch(/served before/);
  });

  it('sees an offer that outlives its deadline', () => {
    const ledger = new Ledger();
    [...BEFORE, offered('o', 'a')].forEach((draft, index) => {
      ledger.hear({ seq: index + 1, event: { at: 1_000, ...draft } as unknown as CoreEvent });
    });
    expect(ledger.overdue(10_000)).toEqual([]);
    expect(ledger.overdue(20_000)).toEqual(['offer o has outlived its deadline']);
  });

  it('sees a call of an agent that outlives its limit, which its progress moves', () => {
    const ledger = new Ledger();
    const hear = (seq: number, draft: Draft, at: number) =>
      ledger.hear({ seq, event: { ...draft, at } as unknown as CoreEvent });
    hear(1, loggedIn, 0);
    hear(2, dialsOut, 1_000);
    expect(ledger.overdue(36_000)).toEqual([]);
    expect(ledger.overdue(36_001)).toEqual(['outbound call d has outlived its limit']);
    hear(3, { kind: 'OutboundPickedUp', callId: 'd' }, 20_000);
    expect(ledger.overdue(85_000)).toEqual([]);
    expect(ledger.overdue(85_001)).toHaveLength(1);
  });
});

function pause(kind: CoreEvent['kind']): Draft {
  return { kind, agentId: '1', queue: 'q', device };
}
