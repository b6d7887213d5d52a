/**
 * Calls of a raw agent as a real one makes them: requests repeated over UDP, refusals acknowledged,
 * a 503 taken for what it says (RFC 3261 section 21.5.4: come again after Retry-After), and one
 * deadline for the whole.
 */
import { headerOf, SDP, statusOf, unique, type RawTcp, type RawUdp } from './raw-ua.ts';

/** Longer than every state a flood can leave behind, on a loaded machine, too. */
const PATIENCE_MS = 60_000;

export interface RawCall {
  invite: string;
  ok: string;
  cseq: number;
}

/** The final answer to a new INVITE. */
async function invite(
  agent: RawUdp | RawTcp,
  request: string,
  ms: number,
): Promise<{ answer: string; status: number }> {
  const callId = headerOf(request, 'Call-ID');
  const cseq = headerOf(request, 'CSeq');
  const isFinal = (text: string): boolean =>
    statusOf(text) >= 200 &&
    headerOf(text, 'Call-ID') === callId &&
    headerOf(text, 'CSeq') === cseq;
  const answer = await agent.ask(request, isFinal, 'final answer to INVITE', ms);
  return { answer, status: statusOf(answer) };
}

/** A call that is up. Fails if it is refused for good, or not up before the deadline. */
export async function establish(agent: RawUdp | RawTcp, uri = 'sip:queue@acd'): Promise<RawCall> {
  const end = Date.now() + PATIENCE_MS;
  const callId = unique('call');
  const from = `${agent.contact};tag=${unique('f')}`;
  for (let cseq = 1; ; cseq += 1) {
    const branch = `z9hG4bK${unique('b')}`;
    const request = agent.request('INVITE', { uri, body: SDP, callId, from, cseq, branch });
    const { answer, status } = await invite(agent, request, Math.max(end - Date.now(), 1));
    if (status < 300) {
      agent.send(agent.inDialog('ACK', request, answer, { cseq }));
      return { invite: request, ok: answer, cseq };
    }
    // RFC 3261 section 17.1.1.3: the ACK of a refusal has the branch of its INVITE.
    agent.send(
      agent.request('ACK', { uri, callId, from, cseq, branch, to: headerOf(answer, 'To') }),
    );
    const seconds = Number(headerOf(answer, 'Retry-After') || NaN);
    const isOver = status !== 503 || !(Date.now() + seconds * 1000 < end);
    if (isOver) throw new Error(`INVITE refused: ${answer.split('\r\n')[0]}`);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

/** A request in the call, and the answer to it. */
export async function inDialog(
  agent: RawUdp | RawTcp,
  call: RawCall,
  method: string,
): Promise<string> {
  call.cseq += 1;
  const text = agent.inDialog(method, call.invite, call.ok, { cseq: call.cseq });
  const callId = headerOf(text, 'Call-ID');
  const wanted = `${call.cseq} ${method}`;
  const fits = (one: string): boolean =>
    statusOf(one) >= 200 && headerOf(one, 'CSeq') === wanted && headerOf(one, 'Call-ID') === callId;
  return await agent.ask(text, fits, `answer to ${method}`, PATIENCE_MS);
}
