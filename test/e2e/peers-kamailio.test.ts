/** Kamailio and the test phones, without the ACD: what they do together is what later tests use. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Inbox } from '../support/inbox.ts';
import { startKamailio, type Kamailio } from '../support/kamailio.ts';
import { Phone } from '../support/phone.ts';
import { header, statusOf, target, type SipMessage } from '../support/sip-message.ts';
import { openStage } from '../support/stage.ts';

const stage = openStage('peers-kamailio');
let pbx: Kamailio;

beforeAll(async () => {
  pbx = await stage.add(startKamailio(stage, { forbidden: 'mallory' }));
});

async function desk(user: string, password = `pw-${user}`): Promise<Phone> {
  return stage.addForTest(
    Phone.open({
      user,
      domain: pbx.domain,
      proxy: pbx.uri,
      credentials: { username: user, password },
    }),
  );
}

/** Subscribes by hand and collects what is told. */
async function watch(watcher: Phone, user: string, event: string): Promise<Inbox<SipMessage>> {
  const told = new Inbox<SipMessage>(`NOTIFYs ${event}`, (message) => message.body);
  const before = watcher.wire.onRequest;
  watcher.wire.onRequest = (incoming) => {
    if (header(incoming.message, 'Event') !== event) return before(incoming);
    incoming.respond(200, 'OK');
    told.put(incoming.message);
  };
  const uri = `sip:${user}@${pbx.domain}:${pbx.port}`;
  const response = await watcher.submit(
    {
      start: `SUBSCRIBE ${uri} SIP/2.0`,
      headers: [
        ['Max-Forwards', '70'],
        ['From', `<${watcher.aor}>;tag=${watcher.wire.newId()}`],
        ['To', `<sip:${user}@${pbx.domain}>`],
        ['Call-ID', watcher.wire.newId()],
        ['CSeq', '1 SUBSCRIBE'],
        ['Contact', `<${watcher.contact}>`],
        ['Event', event],
        ['Expires', '600'],
      ],
      body: '',
    },
    target(pbx.uri),
  );
  expect([200, 202]).toContain(statusOf(response));
  return told;
}

describe('kamailio', () => {
  it('registers who knows his password, and nobody else', async () => {
    expect(await (await desk('alice')).register()).toBe(200);
    expect(await (await desk('bob', 'wrong')).register()).toBe(401);
    expect(await (await desk('mallory')).register()).toBe(403);
  });

  it('connects two phones and stays in the way; 480 for one not registered', async () => {
    const [alice, bob] = [await desk('alice'), await desk('bob')];
    await alice.register();
    await bob.register();
    const call = await alice.dial(`sip:bob@${pbx.domain}:${pbx.port}`);
    const there = await bob.incoming();
    there.ring();
    there.answer();
    await call.answered();
    expect(call.dialog.routes.length).toBeGreaterThan(0);
    call.rtp.sendTone(440);
    await there.rtp.hearTone(440);
    await there.bye();
    expect(await call.ended).toBe('bye received');
    const nobody = await alice.dial(`sip:nobody@${pbx.domain}:${pbx.port}`);
    expect(await nobody.status()).toBe(480);
  });

  it('tells watchers of registration by presence and of calls by dialog', async () => {
    const [alice, bob] = [await desk('alice'), await desk('bob')];
    const acd = await desk('watcher');
    await alice.register();
    await bob.register();
    const presence = await watch(acd, 'bob', 'presence');
    const dialogs = await watch(acd, 'bob', 'dialog');
    await presence.take('open', (message) => message.body.includes('<basic>open</basic>'));
    const call = await alice.dial(`sip:bob@${pbx.domain}:${pbx.port}`);
    const there = await bob.incoming();
    there.ring();
    await dialogs.take('early', (message) => message.body.includes('early'));
    there.answer();
    await call.answered();
    await dialogs.take('confirmed', (message) => message.body.includes('confirmed'));
    await call.bye();
    await dialogs.take('terminated', (message) => message.body.includes('terminated'));
    expect(await bob.register(0)).toBe(200);
    await presence.take('closed', (message) => !message.body.includes('>open<'));
  });
});
