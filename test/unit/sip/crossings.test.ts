/**
 * Goal: whoever hangs up in the very moment in which the other answers, nobody's leg stays. Method:
 * as in takeover.test.ts; the 200 and the BYE come in one piece, as they may from the SIP server.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { createClient, dialogIdOf } from '../../../src/sip/client.ts';
import type { EdgeContext } from '../../../src/sip/context.ts';
import { Holds } from '../../../src/sip/holds.ts';
import { Offers } from '../../../src/sip/offers.ts';
import { outboundIdentity } from '../../../src/sip/outbound-names.ts';
import { Outbounds } from '../../../src/sip/outbound.ts';
import { Renewals } from '../../../src/sip/renewal.ts';
import { Routes } from '../../../src/sip/routes.ts';
import { transferIdentity } from '../../../src/sip/transfers.ts';
import { Trust } from '../../../src/sip/trust.ts';
import { acdConfig, quiet, SDP_OFFER } from './fakes.ts';
import { Past } from './past.ts';

const AGENT = dialogIdOf(outboundIdentity('o1', 'agent'));
const CALLEE = dialogIdOf(outboundIdentity('o1', 'callee'));
let past: Past;

beforeEach(async () => {
  past = await Past.make();
  await past.loggedIn();
});

const byeIn = (dialogId: string) =>
  past.stack.receive('BYE', { To: '<sip:d@pbx>;tag=t' }, { dialogId });

describe('a number that answers', () => {
  /** The INVITE to the number, which rings. */
  async function ringing() {
    await past.takeOver();
    const order = { callId: 'o1', agentId: '2771', uri: 'sip:d@pbx' } as const;
    await past.runtime.submit({ kind: 'DialOut', by: 'http', ...order });
    const phone = await past.stack.wait('INVITE');
    phone.echo();
    phone.answer(200, {}, SDP_OFFER);
    const number = await past.stack.wait('INVITE', 2);
    number.echo();
    return number;
  }

  it('while the agent hangs up is hung up on', async () => {
    const number = await ringing();
    number.answer(200, {}, SDP_OFFER);
    byeIn(AGENT);
    expect(await past.runtime.wait('EndOutbound')).toMatchObject({ endedBy: 'agent' });
    expect([past.byes(), number.acks]).toEqual([[CALLEE], 1]);
    expect([...past.media.live]).toEqual([]);
  });
});

describe('a desk that answers', () => {
  it('while the caller who is sent there hangs up is hung up on', async () => {
    await past.called('c1');
    await past.runtime.submit({
      ...{ kind: 'TransferCall', by: 'http', callId: 'c1', uri: 'sip:d@pbx' },
    });
    past.holds('c1');
    await past.runtime.submit({ kind: 'DialTransfer', by: 'sip', callId: 'c1' });
    await past.takeOver();
    const desk = await past.stack.wait('INVITE');
    desk.echo();
    desk.answer(200, {}, SDP_OFFER);
    past.says('c1', 'BYE');
    await past.runtime.wait('EndTransfer');
    expect(past.byes()).toEqual([dialogIdOf(transferIdentity('c1'))]);
  });
});

describe('an agent’s own call', () => {
  it('is known as ours a moment after its end, too: his phone may tell of it late', async () => {
    const { runtime, media, dialogs, stack } = past;
    const client = createClient(stack, new Trust(quiet));
    const context = {
      ...{ config: acdConfig(), runtime, media, dialogs, client, log: quiet },
      renewals: new Renewals({ media, client, log: quiet, sessionExpiresMs: 0 }),
    } as unknown as EdgeContext;
    const offers = new Offers(context, new Routes(context), new Holds(context));
    new Outbounds(context, new Routes(context), offers);
    const order = { callId: 'o1', agentId: '2771', uri: 'sip:d@pbx' } as const;
    await runtime.submit({ kind: 'DialOut', by: 'http', ...order });
    const phone = await stack.wait('INVITE');
    phone.echo();
    phone.answer(603);
    await runtime.wait('EndOutbound');
    expect([offers.owns('outbound-o1'), offers.owns('outbound-o2')]).toEqual([true, false]);
  });
});
