/** Goal: the phone that logs in is named as its PBX knows it. Method: recorded login INVITEs. */
import { describe, expect, it } from 'vitest';
import type { DeviceRule } from '../../../src/config/types.ts';
import { identifyDevice, registrarOf } from '../../../src/sip/device.ts';
import type { KnownRegistrar } from '../../../src/sip/device.ts';
import { capture, request } from './captures.ts';
import { registrar } from './fakes.ts';

function known(more: Parameters<typeof registrar>[0] = {}, port = 5060): KnownRegistrar {
  return { config: registrar(more), hosts: new Set(['127.0.0.1']), port };
}

function recorded(name: string, sourcePort: number) {
  const { headers, body } = capture(name);
  return request(Object.fromEntries(headers), { body, sourcePort });
}

it.each(['[2001:db8::1]', '2001:DB8:0::1', '[fe80::1%eth0]'])(
  'a registrar is known by its address, written as %s',
  (sourceHost) => {
    const at = { ...known(), hosts: new Set(['2001:db8::1', 'fe80::1']) };
    const from = request({ From: '<sip:a@b>;tag=1' }, { sourceHost, sourcePort: 5060 });
    expect(registrarOf(from, [at])).toBe(at);
  },
);

describe('behind Asterisk', () => {
  it('chan_sip: Contact names the phone', () => {
    const found = identifyDevice(recorded('chan_sip-login', 25060), [known({}, 25060)], 'auto');
    expect(found).toEqual({ uri: 'sip:phone1@127.0.0.1', registrar: 'pbx1' });
  });

  it('pjsip: Contact names the PBX, From the phone', () => {
    const found = identifyDevice(recorded('pjsip-login', 25070), [known({}, 25070)], 'auto');
    expect(found).toEqual({ uri: 'sip:pjphone1@127.0.0.1', registrar: 'pbx1' });
  });

  const invite = request({
    From: '<sip:from@pbx>;tag=1',
    'P-Asserted-Identity': '<tel:+1>, "P" <sip:pai@pbx>',
    Contact: '<sip:acd@127.0.0.1>',
  });
  it.each<[DeviceRule, string | undefined]>([
    ['auto', 'sip:pai@127.0.0.1'], // the Contact is our own account
    ['p-asserted-identity', 'sip:pai@127.0.0.1'],
    ['from', 'sip:from@127.0.0.1'],
    ['contact', undefined],
  ])('the rule %s decides', (deviceFrom, uri) => {
    expect(identifyDevice(invite, [known({ deviceFrom })], 'auto')?.uri).toBe(uri);
  });
});

it('behind FreeSWITCH: Contact names the module that speaks SIP, From the phone', () => {
  const found = identifyDevice(recorded('freeswitch-login', 25080), [known({}, 25080)], 'auto');
  expect(found).toEqual({ uri: 'sip:1000@127.0.0.1', registrar: 'pbx1' });
});

describe('behind a proxy', () => {
  const contactAt = (port: string) =>
    request({ From: '<sip:ann@pbx>;tag=1', Contact: `<sip:ann-0x562c@127.0.0.1${port}>` });

  it('auto: a Contact of the phone itself is no name the registrar knows', () => {
    const found = identifyDevice(contactAt(':7000'), [known()], 'auto');
    expect(found?.uri).toBe('sip:ann@127.0.0.1');
  });

  it('auto: a Contact at the registrar is', () => {
    const found = identifyDevice(contactAt(':5060'), [known()], 'auto');
    expect(found?.uri).toBe('sip:ann-0x562c@127.0.0.1');
  });

  it('a registrar at a port of its own has phones of its own', () => {
    const config = registrar({ registrar: 'sip:127.0.0.1:5080' });
    const other = { config, hosts: new Set(['127.0.0.1']), port: 5080 };
    const login = request({ From: '<sip:ann@pbx>;tag=1' }, { sourcePort: 5080 });
    expect(identifyDevice(login, [other], 'auto')?.uri).toBe('sip:ann@127.0.0.1:5080');
  });
});

describe('the registrar', () => {
  const one = known({ name: 'one' }, 5060);
  const two = known({ name: 'two' }, 5070);
  const far: KnownRegistrar = {
    config: registrar({ name: 'far', domain: 'pbx.example' }),
    hosts: new Set(['192.0.2.1']),
    port: 5060,
  };
  const at = (sourceHost: string, sourcePort: number, headers = {}, protocol = 'udp') =>
    registrarOf(request(headers, { sourceHost, sourcePort, protocol }), [one, two, far])?.config
      .name;

  it('is told by address and port', () => {
    expect(at('127.0.0.1', 5060)).toBe('one');
    expect(at('127.0.0.1', 5070)).toBe('two');
    expect(at('192.0.2.1', 5060)).toBe('far');
  });

  it('is told by Via or From where the port is another', () => {
    expect(at('127.0.0.1', 9, { Via: 'SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1' })).toBe('two');
    expect(at('127.0.0.1', 9, { From: '<sip:a@127.0.0.1>' })).toBe('one');
  });

  it('is told by address alone over TCP, if only one lives there', () => {
    expect(at('192.0.2.1', 40_000, {}, 'tcp')).toBe('far');
    expect(at('127.0.0.1', 40_000, {}, 'tcp')).toBeUndefined();
  });

  it('is told by a domain of its own in From', () => {
    expect(at('198.51.100.7', 5060, { From: '<sip:a@pbx.example>' })).toBe('far');
  });

  it('is none for a phone beside the PBX', () => {
    expect(at('127.0.0.1', 6000, { From: '<sip:a@127.0.0.1:6000>' })).toBeUndefined();
  });
});

describe('a phone without a registrar', () => {
  it('is reached at its Contact', () => {
    const found = identifyDevice(
      request({ Contact: '<sip:ann@127.0.0.1:6000;transport=tcp;ob>' }, { sourcePort: 6000 }),
      [],
      'auto',
    );
    expect(found).toEqual({
      uri: 'sip:ann@127.0.0.1:6000',
      registrar: null,
      contact: { uri: 'sip:ann@127.0.0.1:6000;transport=tcp', nextHop: null },
    });
  });

  it('is reached where its packets come from, if it lives behind NAT', () => {
    const found = identifyDevice(
      request(
        { Contact: '<sip:ann@10.0.0.5:5060>' },
        { sourceHost: '203.0.113.9', sourcePort: 41_000 },
      ),
      [],
      'auto',
    );
    expect(found?.contact?.nextHop).toBe('sip:203.0.113.9:41000');
  });

  it('is reached there by IPv6, too, which the SIP server writes in brackets', () => {
    const Contact = '<sip:ann@[fd00::5]:5060>';
    for (const sourceHost of ['2001:db8::9', '[2001:db8::9]']) {
      const found = identifyDevice(
        request({ Contact }, { sourceHost, sourcePort: 41_000 }),
        [],
        'auto',
      );
      expect(found?.contact?.nextHop).toBe('sip:[2001:db8::9]:41000');
    }
  });

  it('cannot be told without a Contact', () => {
    expect(identifyDevice(request({ From: '<sip:a@b>' }), [], 'auto')).toBeNull();
  });
});
