/** Goal: every way an offer can fail has its verdict. Method: a table beside outcome.ts's own. */
import { describe, expect, it } from 'vitest';
import type { InviteOutcome } from '../../../src/sip/client.ts';
import { judgeInvite, judgeStatus } from '../../../src/sip/outcome.ts';
import type { IncomingResponse } from '../../../src/sip/port.ts';

function response(status: number, reason: string, headers: Record<string, string> = {}) {
  const made: IncomingResponse = {
    status,
    reason,
    local: false,
    sourceHost: '127.0.0.1',
    sourcePort: 5060,
    dialogId: '',
    body: '',
    header: (name) => headers[name] ?? '',
    acknowledge: () => undefined,
  };
  return made;
}

describe('a final answer', () => {
  it.each([
    [300, 'declined'],
    [302, 'declined'],
    [400, 'failed'],
    [401, 'failed'],
    [403, 'failed'],
    [404, 'unreachable'],
    [405, 'failed'],
    [407, 'failed'],
    [408, 'unreachable'],
    [410, 'unreachable'],
    [415, 'failed'],
    [480, 'unreachable'],
    [481, 'failed'],
    [484, 'unreachable'],
    [486, 'busy'],
    [487, 'failed'],
    [488, 'media'],
    [491, 'failed'],
    [500, 'failed'],
    [501, 'failed'],
    [502, 'unreachable'],
    [503, 'unreachable'],
    [504, 'unreachable'],
    [600, 'busy'],
    [603, 'declined'],
    [604, 'unreachable'],
    [606, 'media'],
    [607, 'declined'],
    [608, 'declined'],
    [699, 'failed'],
  ])('%i means %s', (status, failure) => {
    expect(judgeStatus(status, 'x')).toEqual({
      failure,
      sipStatus: status,
      detail: `${status} x`,
    });
  });

  it('403 with Q.850 cause 21 is a phone that declined, behind Asterisk', () => {
    expect(judgeStatus(403, 'Forbidden; Q.850;cause=21').failure).toBe('declined');
    expect(judgeStatus(403, 'Forbidden; Q.850;cause=2').failure).toBe('failed');
    expect(judgeStatus(403, 'Forbidden').failure).toBe('failed');
  });

  it.each(['DND', 'Do Not Disturb', 'Declined', 'Call Rejected'])(
    '480 "%s" is do-not-disturb: declined',
    (words) => expect(judgeStatus(480, words).failure).toBe('declined'),
  );

  it('cannot smuggle line breaks into the journal', () => {
    expect(judgeStatus(486, 'a\r\nb').detail).toBe('486 a  b');
  });
});

describe('an outcome', () => {
  const cases: [InviteOutcome, ReturnType<typeof judgeInvite>][] = [
    [{ kind: 'answered', dialogId: 'd', sdp: '' }, null],
    [{ kind: 'cancelled' }, null],
    [
      {
        kind: 'refused',
        response: response(480, 'Unavailable', { Reason: 'SIP;text="DND"' }),
      },
      { failure: 'declined', sipStatus: 480, detail: '480 Unavailable; SIP;text="DND"' },
    ],
    [
      { kind: 'rejected-credentials', response: response(401, 'Unauthorized') },
      {
        failure: 'failed',
        sipStatus: 401,
        detail: 'the registrar refuses our user name or password',
      },
    ],
    [
      { kind: 'no-answer' },
      { failure: 'no-answer', sipStatus: 0, detail: 'no answer before our deadline' },
    ],
    [
      { kind: 'no-dialog' },
      { failure: 'failed', sipStatus: 0, detail: 'the SIP server knows no such dialog' },
    ],
    [
      { kind: 'lost', detail: 'no route' },
      { failure: 'unreachable', sipStatus: 0, detail: 'no route' },
    ],
  ];
  it.each(cases)('%j', (outcome, verdict) => {
    expect(judgeInvite(outcome)).toEqual(verdict);
  });
});
