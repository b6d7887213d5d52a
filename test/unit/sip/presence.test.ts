/** Goal: two subscriptions make one state, by the rules of presence.ts. Method: a table. */
import { describe, expect, it } from 'vitest';
import { combine } from '../../../src/sip/presence.ts';
import type { SubscriptionView } from '../../../src/sip/subscription.ts';

type View = SubscriptionView & { readonly name: string };
const fresh = {
  ...{ status: 'asking', wasAccepted: false, told: 'nobody' },
  ...{ state: null, isSilent: false, cause: '' },
};
const make = (name: string, more: object): View => ({ ...fresh, name, ...more }) as View;
const presence = (more: object): View => make('presence', more);
const dialog = (more: object): View => make('dialog', more);
const active = (state: string | null) => ({
  ...{ status: 'active', wasAccepted: true, told: state === null ? 'nobody' : 'us' },
  state,
});
const lost = (cause: string) => ({ status: 'lost', wasAccepted: true, told: 'us', cause });
const refused = { status: 'refused' };
const silent = { status: 'active', wasAccepted: true, told: 'us', isSilent: true };
const unanswered = { status: 'lost', cause: '408' };
const settled = { settled: true, isCalling: false, trustsSilence: false, isDirect: false };
const calling = { ...settled, isCalling: true };

describe('combined', () => {
  it.each<[string, View[], string, string]>([
    ['both idle', [presence(active('idle')), dialog(active('idle'))], 'idle', 'presence'],
    ['dialog takes away', [presence(active('idle')), dialog(active('inuse'))], 'inuse', 'dialog'],
    [
      'presence takes away what dialog cannot see: unregistered',
      [presence(active('unavailable')), dialog(active('idle'))],
      'unavailable',
      'presence',
    ],
    [
      'dialog alone, presence refused',
      [presence(refused), dialog(active('idle'))],
      'idle',
      'dialog',
    ],
    [
      'presence alone, dialog refused',
      [presence(active('idle')), dialog(refused)],
      'idle',
      'presence',
    ],
    [
      'an accepted one is lost',
      [presence(lost('481')), dialog(active('idle'))],
      'unknown',
      'lost:481',
    ],
    [
      'one lost, the other refused for ever is no reason for trust',
      [presence(lost('481')), dialog(refused)],
      'unknown',
      'lost:481',
    ],
    [
      'accepted, and its first NOTIFY is awaited',
      [presence(active(null)), dialog(active('idle'))],
      'unknown',
      'waiting:presence',
    ],
    [
      'nothing was published (Kamailio): the other one speaks',
      [presence(silent), dialog(active('idle'))],
      'idle',
      'dialog',
    ],
    ['never answered, settled', [presence(active('idle')), dialog(unanswered)], 'idle', 'presence'],
    ['neither ever answered', [presence(unanswered), dialog(unanswered)], 'unknown', 'asking'],
    ['both refused: trusted', [presence(refused), dialog(refused)], 'idle', 'trusted'],
    ['none asked for (presence: off): trusted', [], 'idle', 'trusted'],
  ])('%s', (_what, views, state, source) => {
    expect(combine(views, settled)).toMatchObject({ state, source });
  });

  it('takes no answer for a refusal where the phone is known to be there', () => {
    const known = { ...settled, trustsSilence: true };
    const ignored = [presence({}), dialog(unanswered)];
    expect(combine(ignored, known)).toMatchObject({ state: 'idle', refused: false });
    expect(combine(ignored, { ...known, isCalling: true }).state).toBe('inuse');
    expect(combine(ignored, { ...known, settled: false }).state).toBe('unknown');
    // What was once accepted, or fails in another way, is no phone that does not know the matter.
    expect(combine([presence(lost('408')), dialog(refused)], known).state).toBe('unknown');
    const away = { status: 'lost', cause: '503' };
    expect(combine([presence(away), dialog(unanswered)], known).state).toBe('unknown');
    // And whatever it says in the end counts.
    expect(combine([presence(active('inuse')), dialog({})], known).state).toBe('inuse');
  });

  describe('given a phone that accepts and says nothing (Linphone)', () => {
    const known = { ...settled, trustsSilence: true, isDirect: true };
    const never = { status: 'lost', wasAccepted: true, cause: 'no-notify' };
    it.each<[string, View[], object, string]>([
      ['is trusted', [presence(active(null)), dialog({})], {}, 'idle'],
      ['also when its NOTIFY is overdue', [presence(never), dialog(unanswered)], {}, 'idle'],
      ['not at once', [presence(active(null)), dialog({})], { settled: false }, 'unknown'],
      ['not where presence is required', [presence(never)], { trustsSilence: false }, 'unknown'],
      ['not a PBX', [presence(active(null)), dialog({})], { isDirect: false }, 'unknown'],
      ['not one that is gone since', [presence({ ...never, cause: '408' })], {}, 'unknown'],
      ['not one that has told before', [presence(lost('no-notify'))], {}, 'unknown'],
      ['holds up no other package', [presence(never), dialog(active('inuse'))], {}, 'inuse'],
      ['is busy while it calls us', [presence(never), dialog({})], { isCalling: true }, 'inuse'],
    ])('%s', (_what, views, more, state) => {
      expect(combine(views, { ...known, ...more }).state).toBe(state);
    });
  });

  it('waits for the undecided one until things have settled', () => {
    const views = [presence(active('idle')), dialog({})];
    expect(combine(views, { ...settled, settled: false }).state).toBe('unknown');
    expect(combine(views, settled).state).toBe('idle');
  });

  it('trusts nobody who is on the phone with us', () => {
    expect(combine([presence(refused), dialog(refused)], calling).state).toBe('inuse');
    const says = [presence(active('idle')), dialog(active('idle'))];
    expect(combine(says, calling)).toMatchObject({ state: 'inuse', source: 'own call' });
  });

  it('leaves worse news alone while the phone talks with us', () => {
    const views = [presence(active('unavailable')), dialog(active('idle'))];
    expect(combine(views, calling).state).toBe('unavailable');
  });
});
