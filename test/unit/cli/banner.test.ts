/**
 * Goal: after a start one knows where to dial, how to log in and what to open. Method: the text
 * for a few configurations.
 */
import { describe, expect, it } from 'vitest';
import { dialAt, writeBanner } from '../../../src/cli/banner.ts';
import { parseConfig } from '../../../src/config/load.ts';
import type { AcdConfig } from '../../../src/config/types.ts';

function config(text: string): AcdConfig {
  const result = parseConfig(text, { env: {}, folder: '/' });
  if (!result.ok) throw new Error('bad test configuration');
  return result.config;
}

const own = () => '192.168.0.3';

describe('the banner', () => {
  it('names queues, login, addresses and PBXs', () => {
    const made = config(`
queues: [{name: queue1}, {name: queue2}]
agents: [{id: 2773, pin: 1}, {id: 2771, name: Ann}]
sip: {register: [{name: pbx, registrar: "sip:10.0.0.1", username: acd, password: x}]}
`);
    const sip = ['udp/0.0.0.0:5071', 'tcp/0.0.0.0:5071'];
    const banner = writeBanner(made, { sip, http: '127.0.0.1:8242' }, own);
    expect(banner).toContain('sip:queue1@192.168.0.3:5071   (UDP and TCP)');
    expect(banner).toContain('sip:queue2@192.168.0.3:5071');
    expect(banner).toContain('dial sip:acdlogin@192.168.0.3:5071, or *44, or *442771');
    expect(banner).toContain('agents: 2773 with a PIN, 2771 (Ann)');
    expect(banner).toContain('dial acdlogout or *45');
    expect(banner).toContain('http://127.0.0.1:8242/queues');
    expect(banner).toContain('pbx: registering as acd at sip:10.0.0.1');
    expect(banner).not.toContain('password');
  });

  it.each([
    [['udp/127.0.0.1:6000'], '', '127.0.0.1:6000'],
    [['udp:[::]:6000', 'udp:10.0.0.9:6001'], '', '10.0.0.9:6001'],
    [['udp/0.0.0.0:6000'], 'sip: {external-address: 203.0.113.5}', '203.0.113.5:6000'],
    [[], '', '192.168.0.3'],
  ])('told %j dials the right place', (told, text, place) => {
    expect(dialAt(config(text), told, own).place).toBe(place);
  });

  it('shortens long lists', () => {
    const agents = Array.from({ length: 20 }, (_, index) => `{id: ${index}}`).join(', ');
    const banner = writeBanner(config(`agents: [${agents}]`), { sip: [], http: 'x' }, own);
    expect(banner).toContain('and 12 more');
  });
});
