/** Goal: who is meant by a Request-URI, and whether anybody is. Method: a table over one house. */
import { describe, expect, it } from 'vitest';
import { calledBy, isAnybody } from '../../../src/sip/called.ts';
import { acdConfig, registrar } from './fakes.ts';
import { Past } from './past.ts';

const { sip } = acdConfig({ register: [registrar({ username: '700' })] });

describe('a Request-URI', () => {
  it.each([
    ['sip:queue1@acd', 'queue', true],
    ['sip:queue1@192.0.2.1:5071;transport=tcp', 'queue', true],
    ['sip:%71ueue1@acd', 'queue', true],
    ['sip:*44@acd', 'login', true],
    ['sip:acdlogin@acd', 'login', true],
    ['sip:nowhere@acd', 'nobody', false],
    // An agent, where no queue is for calls to agents.
    ['sip:2771@acd', 'nobody', false],
    ['tel:+4930123', 'nobody', false],
    // What PBXs ask whether we are there: a trunk, the Contact of our account, our own name.
    ['sip:192.0.2.1:5071', 'nobody', true],
    ['sip:700@192.0.2.1:5071;transport=udp', 'nobody', true],
    ['sip:acd@192.0.2.1', 'nobody', true],
  ])('%s is of a %s; is there: %s', async (uri, kind, isThere) => {
    const { runtime } = await Past.make();
    expect(calledBy(uri, runtime.state, sip).kind).toBe(kind);
    expect(isAnybody(uri, runtime.state, sip)).toBe(isThere);
  });
});
