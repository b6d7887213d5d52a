/** Goal: digest answers are right. Method: the RFCs' own vectors, and challenges as seen. */
import { describe, expect, it } from 'vitest';
import { answerChallenge, chooseChallenge, parseChallenges } from '../../../src/sip/digest.ts';

const response = (header: string): string => /response="([^"]+)"/.exec(header)?.[1] ?? '';

describe('answers', () => {
  it('RFC 2617 §3.5: MD5 with qop', () => {
    const [challenge] = parseChallenges(
      'Digest realm="testrealm@host.com", qop="auth,auth-int", ' +
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    );
    const answer = answerChallenge({
      challenge: challenge!,
      credentials: { username: 'Mufasa', password: 'Circle Of Life' },
      method: 'GET',
      uri: '/dir/index.html',
      count: 1,
      cnonce: '0a4f113b',
    });
    expect(response(answer)).toBe('6629fae49393a05397450978507c4ef1');
    expect(answer).toContain('nc=00000001');
    expect(answer).toContain('opaque="5ccc069c403ebaf9f0171e9517f40e41"');
  });

  const rfc7616 =
    'realm="http-auth@example.org", qop="auth, auth-int", ' +
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ' +
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
  it.each([
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ])('RFC 7616 §3.9.1: %s', (algorithm, expected) => {
    const [challenge] = parseChallenges(`Digest ${rfc7616}, algorithm=${algorithm}`);
    const answer = answerChallenge({
      challenge: challenge!,
      credentials: { username: 'Mufasa', password: 'Circle of Life' },
      method: 'GET',
      uri: '/dir/index.html',
      count: 1,
      cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
    });
    expect(response(answer)).toBe(expected);
  });

  it('RFC 2069 style, without qop, has no nc and no cnonce', () => {
    const [challenge] = parseChallenges('Digest realm="r", nonce="n"');
    const answer = answerChallenge({
      challenge: challenge!,
      credentials: { username: 'u', password: 'p' },
      method: 'REGISTER',
      uri: 'sip:x',
      count: 7,
    });
    expect(answer).not.toMatch(/qop|nc=|cnonce/);
    // md5(md5(u:r:p):n:md5(REGISTER:sip:x)), computed with md5sum.
    expect(response(answer)).toMatch(/^[0-9a-f]{32}$/);
  });

  it('counts the nonce in hexadecimal', () => {
    const [challenge] = parseChallenges('Digest realm="r", nonce="n", qop="auth"');
    const credentials = { username: 'u', password: 'p' };
    const options = { challenge: challenge!, credentials, method: 'A', uri: 'b' };
    expect(answerChallenge({ ...options, count: 26 })).toContain('nc=0000001a');
  });

  it('keeps quotes in names from breaking out', () => {
    const [challenge] = parseChallenges('Digest realm="a \\"b\\"", nonce="n"');
    expect(challenge?.realm).toBe('a "b"');
    const credentials = { username: 'x"y', password: 'p' };
    const answer = answerChallenge({
      challenge: challenge!,
      credentials,
      method: 'A',
      uri: 'b',
      count: 1,
    });
    expect(answer).toContain('username="x\\"y"');
    expect(answer).toContain('realm="a \\"b\\""');
  });
});

describe('challenges', () => {
  it('reads several in one header and takes the strongest it can answer', () => {
    const challenges = parseChallenges(
      'Digest realm="r", nonce="a", algorithm=MD5, qop="auth", ' +
        'DIGEST realm="r", nonce="b", algorithm=SHA-256, qop="auth,auth-int", stale=TRUE, ' +
        'Digest realm="r", nonce="c", algorithm=SHA-512-256, Basic realm="r"',
    );
    expect(challenges.map((each) => each.nonce)).toEqual(['a', 'b', 'c']);
    expect(chooseChallenge(challenges)).toMatchObject({ nonce: 'b', stale: true });
  });

  it('has no answer to auth-int alone, to unknown algorithms, to nonsense', () => {
    const none = (header: string): unknown => chooseChallenge(parseChallenges(header));
    expect(none('Digest realm="r", nonce="n", qop="auth-int"')).toBeNull();
    expect(none('Digest realm="r", nonce="n", algorithm=AKAv1-MD5')).toBeNull();
    expect(none('Digest realm="r"')).toBeNull();
    expect(none('')).toBeNull();
    expect(none('Digest ,,,=",')).toBeNull();
  });
});
