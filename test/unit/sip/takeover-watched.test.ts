/**
 * Goal: what watches phones goes on after a takeover, and until a phone has said again what it is,
 * the journal's word counts. Method: as in takeover.test.ts.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callIdPrefix } from '../../../src/sip/packages.ts';
import { settle } from './fakes.ts';
import { AGENT, Past } from './past.ts';

let past: Past;

beforeEach(async () => {
  past = await Past.make();
});

afterEach(() => {
  vi.useRealTimers();
});

const kinds = (): string[] => past.runtime.commands.map(({ kind }) => kind);

describe('a phone that is watched', () => {
  const heldFor = (event: 'presence' | 'dialog'): string => {
    const callId = `${callIdPrefix(AGENT, event)}old`;
    const dialogId = `${callId};from-tag=s`;
    past.held({ dialogId, role: 'uac', method: 'SUBSCRIBE', callId });
    return dialogId;
  };
  const pidf = (note: string): string =>
    '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:p@x">' +
    `<note>${note}</note><tuple id="a"><status><basic>open</basic></status></tuple></presence>`;
  const notify = (dialogId: string, cseq: number, note: string) => {
    const state = { Event: 'presence', 'Subscription-State': 'active', CSeq: `${cseq} NOTIFY` };
    const headers = { ...state, 'Content-Type': 'application/pidf+xml' };
    return past.stack.receive('NOTIFY', headers, { dialogId, body: pidf(note) });
  };

  it('given subscriptions live, then they are renewed in their dialogs, none is made', async () => {
    await past.loggedIn();
    const dialogIds = [heldFor('presence'), heldFor('dialog')];
    await past.takeOver();
    const sent = past.stack.of('SUBSCRIBE').map(({ request }) => request);
    expect(sent.map(({ dialogId }) => dialogId)).toEqual(dialogIds);
    expect(sent.map(({ headers }) => headers?.['Expires'])).toEqual(['600', '600']);
    expect(past.edge?.health().presence).toEqual({ watched: 1, active: 2 });
  });

  it('given one is half begun, then it is not mistaken for the one that lives', async () => {
    await past.loggedIn();
    const callId = `${callIdPrefix(AGENT, 'presence')}new`;
    past.held({ dialogId: 'begun', state: 'early', role: 'uac', method: 'SUBSCRIBE', callId });
    const dialogId = heldFor('presence');
    await past.takeOver();
    const [renewed, made] = past.stack.of('SUBSCRIBE').map(({ request }) => request);
    expect(renewed?.dialogId).toBe(dialogId);
    // The other package was not held: it is begun anew.
    expect(made).toMatchObject({ uri: AGENT, headers: { Event: 'dialog' } });
  });

  it('given it says what it said, then the journal hears nothing; busy, then that', async () => {
    await past.loggedIn();
    const dialogId = heldFor('presence');
    await past.takeOver();
    const [presence, dialog] = past.stack.of('SUBSCRIBE');
    presence?.answer(200, { Expires: '600' });
    dialog?.answer(489);
    await settle();
    expect(notify(dialogId, 1, '').answers).toMatchObject([{ status: 200 }]);
    expect(kinds()).toEqual([]);
    notify(dialogId, 2, 'On the phone');
    const report = { deviceUri: AGENT, state: 'inuse', source: 'presence' };
    expect(past.runtime.of('ReportDevice')).toMatchObject([report]);
  });

  it('given one package says busy, then the silence of the other does not hide it', async () => {
    await past.loggedIn();
    const dialogId = heldFor('presence');
    heldFor('dialog');
    await past.takeOver();
    for (const each of past.stack.of('SUBSCRIBE')) each.answer(200, { Expires: '600' });
    notify(dialogId, 1, '');
    expect(kinds()).toEqual([]);
    notify(dialogId, 2, 'On the phone');
    const report = { deviceUri: AGENT, state: 'inuse', source: 'presence' };
    expect(past.runtime.of('ReportDevice')).toMatchObject([report]);
  });

  const pass = async (ms: number): Promise<void> => {
    past.runtime.clock += ms;
    await vi.advanceTimersByTimeAsync(ms);
  };

  it.each([
    ['both', 200],
    ['one, and has no other', 489],
  ])('given it accepts %s and says nothing, as before, then it stays idle', async (_, status) => {
    vi.useFakeTimers();
    await past.loggedIn();
    heldFor('presence');
    heldFor('dialog');
    await past.takeOver();
    const [presence, dialog] = past.stack.of('SUBSCRIBE');
    presence?.answer(200, { Expires: '600' });
    dialog?.answer(status, { Expires: '600' });
    // Past the moment when its first NOTIFY is overdue (RFC 6665 §4.1.2.4, timer N).
    await pass(20_000);
    await pass(13_000);
    expect(kinds()).toEqual([]);
    expect(past.runtime.state.agents.get('2771')?.deviceState).toBe('idle');
  });

  it('given it answers nothing, then it is believed for ten seconds', async () => {
    vi.useFakeTimers();
    await past.loggedIn();
    heldFor('presence');
    heldFor('dialog');
    await past.takeOver();
    await pass(9_999);
    expect(kinds()).toEqual([]);
    await pass(1);
    expect(past.runtime.of('ReportDevice')).toMatchObject([{ state: 'unknown' }]);
  });
});
