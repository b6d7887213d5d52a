/**
 * Goal: a phone that is named is the one that a dialled login would have found, no other may be
 * named, and presence is asked first. Method: the rules alone, presence in the test's hands.
 */
import { describe, expect, it } from 'vitest';
import type { Agent, State } from '../../../src/core/state.ts';
import { findPhone, PhoneLogins, type NamedPhone } from '../../../src/sip/phone-login.ts';
import { acdConfig, FakeRuntime, registrar } from './fakes.ts';

const pbx = registrar({ name: 'pbx', registrar: 'sip:pbx.example.com', domain: 'pbx.example.com' });
const near = registrar({ name: 'near', registrar: 'sip:192.0.2.1:5070', domain: '192.0.2.1' });
const next = registrar({ name: 'next', registrar: 'sip:192.0.2.1', domain: '192.0.2.1' });

const named = (device: string, name: string | null = null): NamedPhone => ({
  device,
  registrar: name,
});
const nobody: Pick<State, 'agents' | 'devices'> = { agents: new Map(), devices: new Map() };
const find = (phone: NamedPhone, register = [pbx], loginDevices = ['registrars'], state = nobody) =>
  findPhone(phone, { register, loginDevices }, state);
const at = (uri: string, name: string | null) => ({ ok: true, device: { uri, registrar: name } });

describe('a phone that is named', () => {
  it.each([
    ['101', 'pbx.example.com'],
    ['sip:101@PBX.example.com', 'pbx.example.com'],
    ['sip:101@pbx.example.com:5060', 'pbx.example.com'],
  ])('as %s is behind the registrar whose it is', (written, home) => {
    expect(find(named(written))).toEqual(at(`sip:101@${home}`, 'pbx'));
  });

  it('is of the registrar at its port, where two are at one address', () => {
    const both = [next, near];
    expect(find(named('sip:1@192.0.2.1:5070'), both)).toEqual(at('sip:1@192.0.2.1:5070', 'near'));
    expect(find(named('sip:1@192.0.2.1'), both)).toEqual(at('sip:1@192.0.2.1', 'next'));
    expect(find(named('1', 'near'), both)).toEqual(at('sip:1@192.0.2.1:5070', 'near'));
    expect(find(named('1'), both)).toEqual({ ok: false, refusal: 'bad-device' });
  });

  it.each([
    ['101', 'elsewhere', 'unknown-registrar'],
    ['sip:@pbx.example.com', null, 'bad-device'],
    ['sip:101@pbx.example.com;maddr=192.0.2.9', null, 'bad-device'],
    ['sip:101@pbx.example.com?Route=x', null, 'bad-device'],
    ['', null, 'bad-device'],
    ['acd', null, 'bad-device'],
    ['sip:900123@toll.example.com', null, 'device-not-allowed'],
    ['sip:900123@toll.example.com', 'pbx', 'device-not-allowed'],
    ['sip:101@pbx.example.com.evil.example', null, 'device-not-allowed'],
  ])('as "%s" at %s is refused: %s', (written, name, refusal) => {
    expect(find(named(written, name))).toEqual({ ok: false, refusal });
  });

  it('must be one of sip.login.devices', () => {
    const inside = ['sip:1*@pbx.example.com', 'sip:desk@192.0.2.7:5062'];
    expect(find(named('101'), [pbx], inside).ok).toBe(true);
    expect(find(named('0900'), [pbx], inside)).toEqual({
      ok: false,
      refusal: 'device-not-allowed',
    });
    expect(find(named('sip:desk@192.0.2.7:5062'), [pbx], inside)).toEqual(
      at('sip:desk@192.0.2.7:5062', null),
    );
  });

  it('that is known by its own call stays reached as that call told', () => {
    const device = {
      uri: 'sip:desk@192.0.2.7',
      registrar: null,
      contact: { uri: 'sip:x@192.0.2.7:9', nextHop: null },
    };
    const state = {
      agents: new Map([['1', { device } as Agent]]),
      devices: new Map([[device.uri, '1']]),
    };
    const found = findPhone(named(device.uri), { register: [], loginDevices: ['sip:*@*'] }, state);
    expect(found).toEqual({ ok: true, device });
  });
});

describe('a login by REST', () => {
  const asked: string[] = [];
  const toAll = (device: string) => ({ ...named(device), queues: null });
  function open(isRequired: boolean, accepts: boolean) {
    asked.length = 0;
    const runtime = new FakeRuntime();
    runtime.state.agents.set('2771', { known: true } as Agent);
    const presence = {
      isRequired: () => isRequired,
      probe: async () => (asked.push('probe'), accepts),
      abandon: () => void asked.push('abandon'),
    };
    const config = { ...acdConfig().sip, register: [pbx] };
    return { runtime, logins: new PhoneLogins(runtime, presence, config) };
  }

  it('is by whoever asked, on the phone that was found', async () => {
    const { runtime, logins } = open(true, true);
    expect(await logins.logIn('2771', toAll('101'), 'http:wall@192.0.2.3')).toMatchObject({
      ok: true,
    });
    expect(asked).toEqual(['probe']);
    expect(runtime.commands).toEqual([
      {
        kind: 'LogInAgent',
        by: 'http:wall@192.0.2.3',
        agentId: '2771',
        device: { uri: 'sip:101@pbx.example.com', registrar: 'pbx' },
      },
    ]);
  });

  it('is to the queues that are named', async () => {
    const { runtime, logins } = open(false, true);
    await logins.logIn('2771', { ...named('101'), queues: ['sales'] }, 'http');
    expect(runtime.commands).toMatchObject([{ kind: 'LogInAgent', queues: ['sales'] }]);
  });

  it('comes to nothing where presence is required and there is none', async () => {
    const { runtime, logins } = open(true, false);
    expect(await logins.logIn('2771', toAll('101'), 'http')).toEqual({
      ok: false,
      refusal: 'no-presence',
    });
    expect([asked, runtime.commands]).toEqual([['probe', 'abandon'], []]);
  });

  it('leaves the phone alone where the rules refuse it', async () => {
    const { runtime, logins } = open(false, true);
    runtime.answer('LogInAgent', () => ({ ok: false, refusal: 'device-taken' }));
    const outcome = await logins.logIn('2771', toAll('101'), 'http');
    expect(outcome).toEqual({ ok: false, refusal: 'device-taken' });
    expect(asked).toEqual(['abandon']);
  });

  it('asks no phone for an agent who is not there, nor once we stop', async () => {
    const { runtime, logins } = open(true, true);
    expect(await logins.logIn('1', toAll('101'), 'http')).toMatchObject({
      refusal: 'unknown-agent',
    });
    logins.drain();
    expect(await logins.logIn('2771', toAll('101'), 'http')).toMatchObject({
      refusal: 'unavailable',
    });
    expect([asked, runtime.commands]).toEqual([[], []]);
  });
});
