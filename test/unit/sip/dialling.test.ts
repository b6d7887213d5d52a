/** Goal: a number is dialled through the PBX of the phone, whichever way people write it. */
import { describe, expect, it } from 'vitest';
import { addressOf } from '../../../src/sip/dialling.ts';
import { acdConfig, registrar } from './fakes.ts';

const config = acdConfig({
  register: [
    registrar({ name: 'one', registrar: 'sip:192.0.2.1:5080', domain: '192.0.2.1' }),
    registrar({ name: 'two', registrar: 'sip:sip.two.example', domain: 'two.example' }),
  ],
});

describe('whom an agent dials', () => {
  it.each([
    ['two', '030123456', 'sip:030123456@two.example'],
    ['two', '+49 (30) 12-34.5/6', 'sip:+4930123456@two.example'],
    ['two', '*21#', 'sip:*21%23@two.example'],
    ['one', '100', 'sip:100@192.0.2.1:5080'],
    [null, '100', 'sip:100@192.0.2.1:5080'],
    ['two', 'sip:desk@elsewhere;transport=tcp', 'sip:desk@elsewhere;transport=tcp'],
    ['gone', '100', null],
    ['two', '++1', null],
    ['two', '()', null],
    ['two', '1'.repeat(41), null],
    ['two', 'sip:', null],
  ])('at %s: %s is %s', (at, to, address) => {
    expect(addressOf(config, at, to)).toBe(address);
  });

  it('is nobody where there is no PBX', () => {
    expect(addressOf(acdConfig(), null, '100')).toBeNull();
  });
});
