/** Goal: calls go only where the configuration lets them. Method: a table of addresses. */
import { describe, expect, it } from 'vitest';
import { mayTransferTo } from '../../../src/config/transfer-rules.ts';
import { acdConfig, registrar } from '../sip/fakes.ts';

function allows(allow: readonly string[], uri: string): boolean {
  const register = [
    registrar({ domain: 'pbx.example.com', registrar: 'sip:192.0.2.9:5060;transport=tcp' }),
  ];
  return mayTransferTo({ ...acdConfig({ register }), transfers: { allow } }, uri);
}

describe('transfers.allow', () => {
  it.each([
    ['sip:100@pbx.example.com', true],
    ['sip:100@PBX.example.com:5060', true],
    ['sip:0900123@evil.example.com', false],
    ['sip:100@pbx.example.com.evil.example', false],
    ['sip:100@pbx.example.com;transport=tcp;user=phone', true],
    ['sip:100@pbx.example.com;transport=tcp;maddr=evil.example', false],
    ['sip:100@pbx.example.com?Route=evil', false],
    ['sip:100@192.0.2.9:5062', true],
    ['sip:100@pbx.example.com;maddr=evil.example', false],
    ['sip:100@evil.example;x=@pbx.example.com', false],
    ['sip:pbx.example.com', false],
    ['sip:0900123:100@pbx.example.com', false],
    ['tel:+49301234', false],
    ['sip:%2B49%2030%23@pbx.example.com', true],
    ['sip:j%C3%B6rg_1.a~b!-c@pbx.example.com', true],
    ['sip:101&SIP@pbx.example.com', false],
    ['sip:101%26SIP%2Ftrunk%2F0900@pbx.example.com', false],
    ['sip:101%2526SIP@pbx.example.com', false],
    ['sip:101,g@pbx.example.com', false],
    ['sip:${SHELL(id)}@pbx.example.com', false],
    ['sip:1\u0000@pbx.example.com', false],
    ['sip:1\u00850900@pbx.example.com', false],
    ['sip:1%0d%0aX@pbx.example.com', false],
    ['sip:1%@pbx.example.com', false],
    ['sip:100@pbx.example.com%2f', false],
    ['sip:100@[::1]:5060', false],
  ])('registrars only: %s is %s', (uri, may) => {
    expect(allows(['registrars'], uri)).toBe(may);
  });

  it.each([
    ['sip:49*@pbx', 'sip:4930@pbx', true],
    ['sip:49*@pbx', 'sip:0049@pbx', false],
    ['sip:49*@pbx', 'sip:4930@pbx2', false],
    ['sip:*@*.example.com', 'sip:a@b.example.com', true],
    ['sip:*@*.example.com', 'sip:a@example.com', false],
    ['sip:1*2*3@pbx', 'sip:1xx2yy3@pbx', true],
    ['sip:1*2*3@pbx', 'sip:13@pbx', false],
    ['sip:1*1@pbx', 'sip:1@pbx', false],
    ['sip:*100@pbx', 'sip:09001100@pbx', true],
    ['sip:*100@pbx', 'sip:09001:100@pbx', false],
    ['sip:*@pbx', 'sip:a@pbx:5080', false],
    ['sip:2*@pbx', 'sip:2&SIP/trunk/0900@pbx', false],
    ['sip:2*@pbx', 'sip:2%26SIP%2Ftrunk%2F0900@pbx', false],
    ['sip:a&b@pbx', 'sip:a&b@pbx', true],
    ['sip:*@[2001:db8::1]:5060', 'sip:a@[2001:db8::1]:5060', true],
  ])('%s: %s is %s', (pattern, uri, may) => {
    expect(allows([pattern], uri)).toBe(may);
  });

  it('an empty list allows nothing', () => {
    expect(allows([], 'sip:100@pbx.example.com')).toBe(false);
  });
});
