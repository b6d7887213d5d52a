/**
 * Goal: what the SIP server finds out about a peer (no ACK, a session nobody refreshed) ends his
 * call, and a phone that changes its mind without end is told of a few times only. Method: calls
 * as in past.ts, SIP server in memory; how it finds out is tested at `sipd` (incoming.test.ts).
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callIdPrefix } from '../../../src/sip/packages.ts';
import { AGENT, dialogOf, offerDialog, Past } from './past.ts';

let past: Past;

beforeEach(async () => {
  past = await Past.make();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('a peer the SIP server gave up', () => {
  it('given no ACK came in 32 s, then the call has failed, and nothing of it is left', async () => {
    await past.called('c1', false);
    past.holds('c1', 'awaiting-ack');
    await past.takeOver();
    past.says('c1', 'BYE', 'server');
    expect(await past.runtime.wait('EndCall')).toMatchObject({ cause: 'failed' });
    await vi.waitFor(() => expect(past.runtime.state.calls.size).toBe(0));
    expect(past.runtime.of('ConfirmCall')).toEqual([]);
    expect([...past.media.live]).toEqual([]);
    expect(past.dialogs.size).toBe(0);
  });

  it('given a caller’s session nobody refreshed, then his call has failed', async () => {
    await past.called('c1');
    past.holds('c1');
    await past.takeOver();
    past.says('c1', 'BYE', 'server');
    expect(await past.runtime.wait('EndCall')).toMatchObject({ cause: 'failed' });
    await vi.waitFor(() => expect([...past.media.live]).toEqual([]));
    expect(past.byes()).toEqual([]);
  });

  it('given an agent’s session nobody refreshed, then his leg ends, and the call', async () => {
    const offer = await past.offered('connected');
    past.holds('c1');
    past.holdsOffer(offer);
    await past.takeOver();
    past.agentSays(offer, 'BYE', 'server');
    expect(await past.runtime.wait('EndAgentLeg')).toMatchObject({ cause: 'failed' });
    await vi.waitFor(() => expect(past.byes()).toEqual([dialogOf('c1')]));
    expect(past.dialogs.has(offerDialog(offer.id))).toBe(false);
    expect(past.runtime.state.agents.get('2771')?.callId).toBeNull();
  });
});

describe('a storm of NOTIFYs', () => {
  const callId = `${callIdPrefix(AGENT, 'presence')}old`;
  const dialogId = `${callId};from-tag=s`;
  let cseq = 0;

  const notify = (note: string): void => {
    cseq += 1;
    const state = { Event: 'presence', 'Subscription-State': 'active', CSeq: `${cseq} NOTIFY` };
    const headers = { ...state, 'Content-Type': 'application/pidf+xml' };
    const body =
      '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:p@x">' +
      `<note>${note}</note><tuple id="a"><status><basic>open</basic></status></tuple></presence>`;
    const { answers } = past.stack.receive('NOTIFY', headers, { dialogId, body });
    expect(answers).toMatchObject([{ status: 200 }]);
  };
  const told = (): string[] => past.runtime.of('ReportDevice').map(({ state }) => state);
  const pass = async (ms: number): Promise<void> => {
    past.runtime.clock += ms;
    await vi.advanceTimersByTimeAsync(ms);
  };

  beforeEach(async () => {
    vi.useFakeTimers();
    cseq = 0;
    await past.loggedIn();
    past.held({ dialogId, role: 'uac', method: 'SUBSCRIBE', callId });
    await past.takeOver();
    const [presence, dialog] = past.stack.of('SUBSCRIBE');
    presence?.answer(200, { Expires: '3600' });
    dialog?.answer(489);
    await pass(20_000);
    notify('');
    expect(told()).toEqual([]);
    await pass(20_000);
    past.runtime.commands.length = 0;
  });

  it('given twenty changes, then each is told', () => {
    for (let count = 0; count < 10; count += 1) {
      notify('On the phone');
      notify('');
    }
    expect(told()).toHaveLength(20);
  });

  it('given a thousand, then it stays taken away, and comes back with the last word', async () => {
    for (let count = 0; count < 500; count += 1) {
      notify('On the phone');
      notify('');
    }
    expect(told()).toHaveLength(21);
    expect(told().at(-1)).toBe('inuse');
    await pass(9_999);
    expect(told()).toHaveLength(21);
    await pass(1);
    expect(told()).toHaveLength(22);
    expect(told().at(-1)).toBe('idle');
  });
});
