/** Goal: what is dialled is read as one thing only. Method: each form, and what is none. */
import { describe, expect, it } from 'vitest';
import { loginRequestOf } from '../../../src/sip/dial-codes.ts';
import { acdConfig } from './fakes.ts';

const { sip } = acdConfig();

describe('a dialled user', () => {
  it.each([
    ['*44', { kind: 'login', agentId: null }],
    ['acdlogin2771', { kind: 'login', agentId: '2771' }],
    ['*442771*sales', { kind: 'login', agentId: '2771', queue: 'sales' }],
    ['*44*600', { kind: 'login', agentId: null, queue: '600' }],
    ['*45', { kind: 'logout' }],
    ['*45*600', { kind: 'logout', queue: '600' }],
    ['*461', { kind: 'pause', number: '1' }],
    ['*461*sales', { kind: 'pause', number: '1', queue: 'sales' }],
    ['*46*sales', { kind: 'pause', number: null, queue: 'sales' }],
    ['*47*2', { kind: 'resume', queue: '2' }],
    ['*48', { kind: 'ready' }],
    ['*4890', { kind: 'ready', seconds: 90 }],
  ])('%s', (user, wanted) => expect(loginRequestOf(user, sip)).toEqual(wanted));

  it('that is a code as it stands is no other one with digits behind it', () => {
    const codes = {
      loginUsers: ['*4'],
      pauseUsers: ['*'],
      logoutUsers: ['*45'],
      resumeUsers: ['*47'],
      readyUsers: ['*452'],
    };
    const kinds = ['*4', '*45', '*47', '*452', '*46', '*9'].map((user) =>
      loginRequestOf(user, codes),
    );
    expect(kinds).toEqual([
      { kind: 'login', agentId: null },
      { kind: 'logout' },
      { kind: 'resume' },
      { kind: 'ready' },
      { kind: 'login', agentId: '6' },
      { kind: 'pause', number: '9' },
    ]);
  });

  it.each(['sales', '*44*', '*44x', '*451', '*471', '*48*1', '*48123456', '*44*a*b', '*44*-a', ''])(
    '%j is none',
    (user) => expect(loginRequestOf(user, sip)).toBeNull(),
  );
});
