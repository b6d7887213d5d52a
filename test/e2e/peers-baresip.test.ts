/** baresip against the test phones and Kamailio, without the ACD. */
import { describe, expect, it } from 'vitest';
import { firstTone } from '../support/audio.ts';
import { startBaresip } from '../support/baresip.ts';
import { startKamailio } from '../support/kamailio.ts';
import { Phone } from '../support/phone.ts';
import { openStage } from '../support/stage.ts';

const stage = openStage('peers-baresip');

describe('baresip', () => {
  it('answers a direct call, is heard, and records what it hears', async () => {
    const bob = await stage.addForTest(startBaresip(stage, { user: 'bob', hertz: 1000 }));
    const alice = await stage.addForTest(Phone.open({ user: 'alice' }));
    const call = await (await alice.dial(bob.aor)).answered();
    call.rtp.sendTone(440);
    await call.rtp.hearTone(1000);
    await call.rtp.hearAtLeast(8000);
    await call.bye();
    await bob.event('CALL_CLOSED');
    expect(firstTone(bob.heard(), 440)).not.toBeNull();
    expect(firstTone(bob.heard(), 1000)).toBeNull();
  });

  it('registers, dials through the registrar and keys digits both ways', async () => {
    const pbx = await stage.addForTest(startKamailio(stage));
    const desk = (user: string) =>
      Phone.open({ user, domain: pbx.domain, proxy: pbx.uri, credentials: pbx.credentials(user) });
    const alice = await stage.addForTest(desk('alice'));
    expect(await alice.register()).toBe(200);
    const registrar = { uri: pbx.uri, domain: pbx.domain, password: 'pw-bob' };
    const bob = await stage.addForTest(
      startBaresip(stage, { user: 'bob', hertz: 1000, registrar }),
    );
    bob.dial(`sip:alice@${pbx.domain}:${pbx.port}`);
    const call = await alice.incoming();
    call.answer();
    await bob.event('CALL_ESTABLISHED');
    call.rtp.sendSilence();
    await call.rtp.hearTone(1000);
    bob.key('7');
    await call.rtp.hearDigits('7');
    await call.info('5', 'dtmf-relay');
    await bob.event('CALL_DTMF_START');
    await call.bye();
    await bob.event('CALL_CLOSED');
  });
});
