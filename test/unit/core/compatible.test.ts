/**
 * Goal: what the first version wrote is still read. Method: its events and its snapshot, as they
 * stand in a journal of that version, are folded and restored; both mean what they meant.
 */
import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/core/decide.ts';
import type { CoreEvent } from '../../../src/core/events.ts';
import { evolve } from '../../../src/core/evolve.ts';
import { checkInvariants } from '../../../src/core/invariants.ts';
import { canonicalHash, restore, snapshot, type Snapshot } from '../../../src/core/snapshot.ts';
import { initialState } from '../../../src/core/state.ts';

const QUEUE =
  '{"name":"q","strategy":"most-idle","timeoutMs":15000,"retryMs":5000,"wrapupMs":1000,' +
  '"maxlen":0,"weight":0,"periodicAnnounceMs":0}';
const CONFIG =
  `{"queues":[${QUEUE}],"agents":[{"id":"1","name":"Ann","queues":["q"]}],` +
  '"secondLogin":"refuse","maxCalls":100}';
const DEVICE = '{"uri":"sip:1@pbx","registrar":"pbx"}';
const JOURNAL = `[
  {"kind":"ConfigApplied","config":${CONFIG},"at":1,"by":"config"},
  {"kind":"AgentLoggedIn","agentId":"1","device":${DEVICE},"at":2,"by":"sip"},
  {"kind":"DeviceReported","agentId":"1","deviceUri":"sip:1@pbx","state":"idle",
   "source":"presence","at":3,"by":"sip"},
  {"kind":"CallEntered","callId":"a","queue":"q","sipCallId":"a@p","from":"a@p","fromName":"",
   "to":"q@acd","entry":1,"position":1,"at":4,"by":"sip"},
  {"kind":"CallConfirmed","callId":"a","at":5,"by":"sip"},
  {"kind":"AgentOffered","offerId":"a.o1","callId":"a","queue":"q","agentId":"1",
   "device":${DEVICE},"deadline":15005,"at":5,"by":"sip"},
  {"kind":"CallEntered","callId":"b","queue":"q","sipCallId":"b@p","from":"b@p","fromName":"",
   "to":"q@acd","entry":2,"position":2,"at":6,"by":"sip"}
]`;
const SNAPSHOT = `{"version":1,"config":${CONFIG},"entries":2,"offersMade":1,
  "calls":[
   {"id":"a","queue":"q","sipCallId":"a@p","from":"a@p","fromName":"","to":"q@acd","entry":1,
    "enteredAt":4,"confirmedAt":5,"offerId":"a.o1","connectedAt":null,"announcements":0,
    "announcedAt":5,"tried":[]},
   {"id":"b","queue":"q","sipCallId":"b@p","from":"b@p","fromName":"","to":"q@acd","entry":2,
    "enteredAt":6,"confirmedAt":null,"offerId":null,"connectedAt":null,"announcements":0,
    "announcedAt":6,"tried":[]}],
  "offers":[{"id":"a.o1","number":1,"callId":"a","queue":"q","agentId":"1","device":${DEVICE},
    "offeredAt":5,"phase":"calling","deadline":15005}],
  "agents":[{"id":"1","name":"Ann","queues":["q"],"known":true,"device":${DEVICE},
    "deviceState":"idle","loggedInAt":2,"paused":null,"wrapup":null,"restUntil":0,
    "offerId":"a.o1","callId":null,"leaving":null,"idleSince":2}]}`;

function fromJournal() {
  const state = initialState();
  for (const event of JSON.parse(JOURNAL) as CoreEvent[]) evolve(state, event);
  return state;
}

const fromSnapshot = () => restore(JSON.parse(SNAPSHOT) as Snapshot);

describe.each([
  ['journal', fromJournal],
  ['snapshot', fromSnapshot],
])('a %s of the first version', (_what, load) => {
  it('gives a whole state, which can be stored anew', () => {
    const state = load();
    expect(checkInvariants(state)).toEqual([]);
    const stored = JSON.parse(JSON.stringify(snapshot(state))) as Snapshot;
    expect(canonicalHash(restore(stored))).toBe(canonicalHash(state));
  });

  it('goes on: the offer is answered, the call is served, wrap-up follows', () => {
    const state = load();
    const by = 'test';
    const kinds = [
      { kind: 'AnswerOffer', at: 10, by, offerId: 'a.o1' } as const,
      { kind: 'ConfirmBridge', at: 11, by, offerId: 'a.o1' } as const,
      { kind: 'EndAgentLeg', at: 12, by, offerId: 'a.o1', cause: 'bye' } as const,
      { kind: 'ReachDeadline', at: 1_012, by } as const,
      { kind: 'ConfirmCall', at: 1_013, by, callId: 'b' } as const,
    ].flatMap((command) => {
      const decided = decide(state, command);
      return decided.ok ? decided.events.map((event) => event.kind) : [decided.refusal];
    });
    expect(kinds).toEqual([
      'OfferAnswered',
      'CallConnected',
      'CallEnded',
      'WrapupStarted',
      'WrapupEnded',
      'CallConfirmed',
      'AgentOffered',
    ]);
    expect(checkInvariants(state)).toEqual([]);
  });
});
