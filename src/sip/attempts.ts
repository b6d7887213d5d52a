/**
 * One request through its challenges: which request is sent instead, with an answer to a digest
 * challenge (RFC 3261 §22) or a longer session interval (RFC 4028 §6), and when that is enough.
 */
import { answerChallenge, chooseChallenge, parseChallenges } from './digest.ts';
import type { Challenge, Credentials } from './digest.ts';
import { seconds } from './headers.ts';
import type { Headers, IncomingResponse, OutgoingRequest, SentRequest } from './port.ts';
import type { Trust } from './trust.ts';

/** First challenge, one stale nonce, one proxy's challenge more: beyond that it is a loop. */
const MAX_ATTEMPTS = 4;

/**
 * The last challenge of a server, kept so that the next request can answer before it is asked
 * (RFC 7616 §3.4: the nonce count goes up with each use). One per account.
 */
export class DigestMemory {
  challenge: Challenge | null = null;
  count = 0;
  proxy = false;
}

/** Follows one request through its challenges. */
export class Attempts {
  private readonly trust: Pick<Trust, 'has'>;
  private readonly credentials: Credentials | null;
  private readonly memory: DigestMemory;
  /** Which kinds of challenge have been answered with a nonce fresh from the server. */
  private readonly answered = new Set<'user' | 'proxy'>();
  private left = MAX_ATTEMPTS;

  constructor(
    trust: Pick<Trust, 'has'>,
    credentials: Credentials | null,
    memory = new DigestMemory(),
  ) {
    this.trust = trust;
    this.credentials = credentials;
    this.memory = memory;
  }

  /** The request with an answer to the challenge remembered, if there is one. */
  first(request: OutgoingRequest): OutgoingRequest {
    if (this.memory.challenge === null || this.credentials === null) return request;
    const headers = { ...request.headers, ...this.answer(request.method, request.uri ?? '') };
    return { ...request, headers };
  }

  private answer(method: string, uri: string): Headers {
    const { challenge, proxy } = this.memory;
    if (challenge === null || this.credentials === null) return {};
    this.memory.count += 1;
    const { count } = this.memory;
    const value = answerChallenge({
      challenge,
      credentials: this.credentials,
      method,
      uri,
      count,
    });
    return { [proxy ? 'Proxy-Authorization' : 'Authorization']: value };
  }

  /** The request to send instead, `rejected`, or null if the response stands. */
  next(
    request: OutgoingRequest,
    sent: SentRequest | null,
    response: IncomingResponse,
  ): OutgoingRequest | 'rejected' | null {
    if (response.status === 422) return this.longerSession(request, sent, response);
    if (response.status !== 401 && response.status !== 407) return null;
    if (this.credentials === null || sent === null) return null;
    const isWithin = request.dialogId !== undefined;
    if (isWithin && !this.trust.has(this.credentials, response)) return null;
    const proxy = response.status === 407;
    const header = response.header(proxy ? 'Proxy-Authenticate' : 'WWW-Authenticate');
    const challenge = chooseChallenge(parseChallenges(header));
    if (challenge === null) return null;
    const kind = proxy ? 'proxy' : 'user';
    // Asked again, and not for an old nonce: the password is wrong (RFC 3261 §22.2).
    if (this.left <= 1 || (this.answered.has(kind) && !challenge.stale)) {
      this.memory.challenge = null;
      return 'rejected';
    }
    this.left -= 1;
    this.answered.add(kind);
    Object.assign(this.memory, { challenge, proxy, count: 0 });
    return again(request, sent, this.answer(request.method, sent.uri));
  }

  private longerSession(
    request: OutgoingRequest,
    sent: SentRequest | null,
    response: IncomingResponse,
  ): OutgoingRequest | null {
    const minimum = seconds(response.header('Min-SE'));
    if (minimum === null || sent === null || this.left <= 1) return null;
    this.left -= 1;
    const value = String(minimum);
    return again(request, sent, { 'Session-Expires': value, 'Min-SE': value });
  }
}

/**
 * The same request once more. Outside a dialog it keeps Call-ID, From with its tag, and the next
 * CSeq (RFC 3261 §8.1.3.5); in a dialog the server keeps all three.
 */
function again(request: OutgoingRequest, sent: SentRequest, more: Headers): OutgoingRequest {
  if (request.dialogId !== undefined)
    return { ...request, headers: { ...request.headers, ...more } };
  const cseq = (seconds(sent.header('CSeq')) ?? 0) + 1;
  const kept = Object.entries(request.headers ?? {}).filter(
    ([name]) => !/^(from|call-id|cseq)$/i.test(name),
  );
  return {
    ...request,
    headers: {
      ...Object.fromEntries(kept),
      'Call-ID': sent.header('Call-ID'),
      From: sent.header('From'),
      CSeq: `${cseq} ${request.method}`,
      ...more,
    },
  };
}
