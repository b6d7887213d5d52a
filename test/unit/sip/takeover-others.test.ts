/**
 * Goal: what belongs to no call is ended, and a SIP server that tells nothing is asked instead.
 * Method: as in takeover.test.ts; and the frames to sipd (sipd-words.ts) on a connection in memory.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SipdWords, wordsOf } from '../../../src/sip/sipd-words.ts';
import { callIdPrefix } from '../../../src/sip/packages.ts';
import { quiet, registrar, SDP_OFFER, settle } from './fakes.ts';
import { dialogOf, offerDialog, Past } from './past.ts';

let past: Past;

beforeEach(async () => {
  past = await Past.make();
});

afterEach(() => {
  vi.useRealTimers();
});

const kinds = (): string[] => past.runtime.commands.map(({ kind }) => kind);

describe('dialogs of nobody', () => {
  it('given calls, then BYE; ringing, then CANCEL; watching, then no more', async () => {
    past.held({ dialogId: 'in', state: 'awaiting-ack' });
    past.held({ dialogId: 'out', role: 'uac' });
    past.held({ dialogId: 'ringing', role: 'uac', state: 'early' });
    const callId = `${callIdPrefix('sip:gone@x', 'dialog')}1`;
    past.held({ dialogId: 'watching', role: 'uac', method: 'SUBSCRIBE', callId });
    past.held({ dialogId: 'foreign', role: 'uac', method: 'SUBSCRIBE', callId: 'other' });
    await past.takeOver();
    expect(past.byes()).toEqual(['in', 'out']);
    expect(past.kept.cancelled).toEqual(['ringing']);
    const [ended, ...more] = past.stack.of('SUBSCRIBE');
    expect(ended?.request.dialogId).toBe('watching');
    expect(ended?.request.headers).toEqual({ Event: 'dialog', Expires: '0' });
    expect(more).toEqual([]);
    expect(past.dialogs.size).toBe(0);
  });

  it('given a call of ours that ended, through a PBX that challenges its BYE', async () => {
    past.sip = { register: [registrar({ domain: 'pbx' })] };
    const nonce = 'Digest realm="pbx", nonce="n"';
    past.held({ dialogId: 'ours', role: 'uac', peer: '<sip:2771@pbx>;tag=a' });
    await past.takeOver();
    const [bye] = past.stack.of('BYE');
    bye?.echo();
    bye?.answer(401, { 'WWW-Authenticate': nonce });
    const again = await past.stack.wait('BYE', 2);
    expect(again.request.dialogId).toBe('ours');
    expect(again.header('Authorization')).toContain('username="acd"');
  });

  it('given a call of his through that PBX, then nobody gets our password', async () => {
    past.sip = { register: [registrar({ domain: 'pbx' })] };
    past.held({ dialogId: 'his', role: 'uas', peer: '<sip:alice@pbx>;tag=a' });
    await past.takeOver();
    const [bye] = past.stack.of('BYE');
    bye?.echo();
    bye?.answer(401, { 'WWW-Authenticate': 'Digest realm="pbx", nonce="n"' });
    await settle();
    expect(past.stack.of('BYE')).toHaveLength(1);
  });

  it('given an INVITE nobody answered, then it is left to come again, as a new call', async () => {
    past.held({ dialogId: dialogOf('c9'), state: 'early' });
    await past.takeOver();
    expect(past.stack.sent).toEqual([]);
    expect(await past.invites('c9').answered()).toMatchObject({ status: 200 });
    expect(kinds()).toEqual(['ArriveCall']);
  });
});

describe('a SIP server that tells nothing', () => {
  it('given a drachtio-server, then callers are believed, and asked until gone', async () => {
    vi.useFakeTimers();
    past.stack.kept = null;
    await past.called('c1');
    await past.takeOver();
    expect(kinds()).toEqual([]);
    expect(past.stack.of('OPTIONS').map(({ request }) => request.dialogId)).toEqual([
      dialogOf('c1'),
    ]);
    past.stack.of('OPTIONS')[0]?.answer(200);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(past.stack.of('OPTIONS')).toHaveLength(2);
    past.stack.of('OPTIONS')[1]?.answer(481);
    await vi.advanceTimersByTimeAsync(0);
    expect(past.runtime.of('EndCall')).toMatchObject([{ callId: 'c1', cause: 'failed' }]);
    // Nobody is left to be asked; whoever comes now is not watched over.
    await past.invites('c2').answered();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(past.stack.of('OPTIONS')).toHaveLength(2);
  });

  it.each([
    ['there is no such dialog, then that has ended', 481, 1],
    ['there is, then he stays', 200, 0],
  ])('given it and a call that was not up yet, when %s', async (_what, status, ended) => {
    past.stack.kept = null;
    await past.called('c1', false);
    const taken = past.takeOver();
    (await past.stack.wait('OPTIONS')).answer(status);
    await taken;
    expect(past.runtime.of('EndCall').map(({ callId }) => callId)).toEqual(['c1'].slice(0, ended));
    expect(past.runtime.of('ConfirmCall')).toHaveLength(1 - ended);
  });

  it('given it and a phone that rings, then that is taken back, its caller stays', async () => {
    past.stack.kept = null;
    const offer = await past.offered('ringing');
    await past.takeOver();
    expect(past.stack.transactionsCancelled).toEqual(['t1']);
    const failed = { offerId: offer.id, failure: 'failed', sipStatus: 0 };
    expect(await past.runtime.wait('FailOffer')).toMatchObject(failed);
    expect(past.runtime.state.calls.get('c1')?.inLine).toBe(true);
    expect([...past.media.live]).toEqual(['c1']);
  });

  it('given it and two who talk, then both are believed and asked', async () => {
    past.stack.kept = null;
    const offer = await past.offered('connected');
    await past.takeOver();
    expect(kinds()).toEqual([]);
    const asked = past.stack.of('OPTIONS').map(({ request }) => request.dialogId);
    expect(asked).toEqual([dialogOf('c1'), offerDialog(offer.id)]);
    expect(past.media.of('connect')).toMatchObject([{ leg: 'c1', args: [offer.id] }]);
  });

  it('given sipd that does not tell, then everybody is believed and asked once', async () => {
    vi.useFakeTimers();
    past.kept.isSilent = true;
    await past.called('c1');
    await past.takeOver();
    expect(kinds()).toEqual([]);
    expect(past.stack.of('OPTIONS')).toHaveLength(1);
    past.stack.of('OPTIONS')[0]?.answer(200);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(past.stack.of('OPTIONS')).toHaveLength(1);
  });

  it('given sipd that was restarted itself just now, then everybody is asked', async () => {
    past.kept.restoredAt = past.runtime.now() - 59_000;
    await past.called('c1');
    past.holds('c1');
    await past.takeOver();
    expect(past.stack.of('OPTIONS')).toHaveLength(1);
  });

  it('given such a sipd whose clock is an hour behind ours, then all the same', async () => {
    past.kept.toldAt = past.runtime.now() - 3_600_000;
    past.kept.restoredAt = past.kept.toldAt - 59_000;
    await past.called('c1');
    past.holds('c1');
    await past.takeOver();
    expect(past.stack.of('OPTIONS')).toHaveLength(1);
  });

  it('given such a sipd, then who hung up left as long ago as it says', async () => {
    await past.called('c1');
    past.kept.toldAt = past.runtime.now() - 3_600_000;
    past.ended(dialogOf('c1'), 'BYE', past.kept.toldAt - 700);
    await past.takeOver();
    const endedAt = past.runtime.now() - 700;
    expect(past.runtime.of('EndCall')).toMatchObject([{ callId: 'c1', endedAt }]);
  });

  it('given sipd that was not, then nobody is', async () => {
    past.kept.restoredAt = past.runtime.now() - 60_000;
    await past.called('c1');
    past.holds('c1');
    await past.takeOver();
    expect(past.stack.of('OPTIONS')).toEqual([]);
  });
});

describe('watching over dialogs', () => {
  it('given some, then those of now are asked every five seconds until they are gone', async () => {
    vi.useFakeTimers();
    const asked: string[] = [];
    const add = (id: string, probe: string): void => {
      past.dialogs.add(
        id,
        () => undefined,
        () => asked.push(probe),
        { leg: `leg of ${id}`, lost: () => undefined },
      );
    };
    add('a', 'a');
    add('b', 'b');
    past.dialogs.watchOver();
    add('c', 'c');
    expect(asked.splice(0)).toEqual(['a', 'b']);
    past.dialogs.remove('b');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked.splice(0)).toEqual(['a']);
    // The same name again is another dialog, whose end we are told of.
    past.dialogs.remove('a');
    add('a', 'another');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('what is asked of sipd', () => {
  type Answered = (answer?: readonly string[]) => void;
  const socket = { destroyed: false };

  /** A connection: what was sent, and where the answers go. */
  function line(words = 12) {
    const sent: string[] = [];
    const pendingRequests = new Map<string, Answered>();
    const pendingSipRequests = new Map<string, unknown>();
    const server = { ready: true, pendingRequests, pendingSipRequests };
    const mapServer = new Map([[socket, server]]);
    const send = (_: unknown, text: string): string => String(sent.push(text));
    const agent = { mapServer, wp: { send } };
    const outcomes: string[] = [];
    const pending = {
      isOver: false,
      confirmed: () => outcomes.push('confirmed'),
      finish: (act: () => void) => act(),
    };
    const sipd = new SipdWords(
      {
        agent: () => agent as never,
        pending: () => pending,
        follow: (request) => outcomes.push(`follows ${request.stackTxnId}`),
      },
      quiet,
      words,
    );
    const answer = (count: number, ...words: string[]): void =>
      pendingRequests.get(String(count))?.(words);
    return { sent, server, sipd, answer, outcomes, pendingSipRequests };
  }

  it.each([
    ['v0.9.10-sipd', 10],
    ['v0.9.12-sipd', 12],
    ['v0.9.10', 0],
    ['', 0],
  ])('given a sipd that says %s, knows which words it takes: %s', (version, known) => {
    expect(wordsOf(version)).toBe(known);
  });

  it('given a sipd of before an upgrade in place, tells it no words it knows not', async () => {
    const { sent, sipd } = line(10);
    await sipd.tellUsers(['road']);
    await sipd.ban('192.0.2.9', 5);
    expect(sent).toEqual([]);
  });

  it('given several pages, then all are asked for, one after the other', async () => {
    const { sipd, answer, sent } = line();
    const told = sipd.inventory();
    const one = { dialogId: 'a', state: 'early', role: 'uas', method: 'INVITE', callId: 'a' };
    answer(1, 'OK', JSON.stringify([one]), 'next', '');
    await Promise.resolve();
    await vi.waitFor(() => expect(sent).toEqual(['dialogs', 'dialogs|next']));
    answer(
      2,
      'OK',
      JSON.stringify([{ dialogId: 'b', ended: { at: 5, why: 'BYE' } }]),
      '',
      '77',
      '99',
    );
    expect(await told).toEqual({
      held: [one],
      ended: [{ dialogId: 'b', at: 5, why: 'BYE' }],
      restoredAt: 77,
      toldAt: 99,
    });
  });

  it('given NOK, or no answer in time, or no connection, then it is not told', async () => {
    vi.useFakeTimers();
    const refused = line();
    const first = refused.sipd.inventory();
    refused.answer(1, 'NOK', 'no');
    expect(await first).toBeNull();

    const silent = line();
    let told: unknown = 'nothing yet';
    void silent.sipd.inventory().then((value) => (told = value));
    await vi.advanceTimersByTimeAsync(19_999);
    expect(told).toBe('nothing yet');
    await vi.advanceTimersByTimeAsync(2);
    expect(told).toBeNull();
    // Too late is never: nothing is asked after it.
    silent.answer(1, 'OK', '[]', 'next', '');
    await vi.advanceTimersByTimeAsync(0);
    expect(silent.sent).toEqual(['dialogs']);

    const away = line();
    away.server.ready = false;
    expect(await away.sipd.inventory()).toBeNull();
    expect(await away.sipd.sdp('a')).toBeNull();
    expect(away.sent).toEqual([]);
  });

  it('given the SDP of a dialog, then both sides of it; NOK, then none', async () => {
    const { sipd, answer, sent } = line();
    const dialog = { localSdp: 'ours', remoteSdp: SDP_OFFER };
    const told = sipd.sdp('a;from-tag=b');
    answer(1, 'OK', JSON.stringify(dialog));
    expect(await told).toEqual(dialog);
    expect(sent).toEqual(['sdp|a;from-tag=b']);
    const none = sipd.sdp('c');
    answer(2, 'NOK', 'no such dialog');
    expect(await none).toBeNull();
  });

  it('given a resumed INVITE, then its responses are followed; NOK, then no dialog', () => {
    const { sipd, answer, outcomes, pendingSipRequests } = line();
    const events = {
      sent: () => undefined,
      provisional: () => undefined,
      final: () => undefined,
      failed: (code: string, detail: string) => outcomes.push(`${code} ${detail}`),
    };
    sipd.resume('a', events);
    answer(1, 'OK', 't7');
    expect(outcomes.splice(0)).toEqual(['confirmed', 'follows t7']);
    expect([...pendingSipRequests.keys()]).toEqual(['t7']);
    sipd.resume('b', events);
    answer(2, 'NOK', 'gone');
    expect(outcomes.splice(0)).toEqual(['confirmed', 'no-dialog gone']);
  });

  it('given load, then calls refused are counted; no answer, then none', async () => {
    const { sipd, answer, sent } = line();
    const refused = sipd.refuseCalls(2_000);
    answer(1, 'OK', '12');
    expect(await refused).toBe(12);
    expect(sent).toEqual(['busy|2000']);
    const unknown = sipd.refuseCalls(0);
    answer(2, 'NOK', 'what?');
    expect(await unknown).toBe(0);
  });

  it('given an old INVITE, then CANCEL goes with its reason', () => {
    const { sipd, sent } = line();
    sipd.cancel('a;from-tag=b', { Reason: 'SIP;cause=487' });
    expect(sent[0]?.split('\r\n')).toEqual([
      'cancel|a;from-tag=b',
      'CANCEL sip:placeholder SIP/2.0',
      'Reason: SIP;cause=487',
      '',
      '',
    ]);
  });
});
