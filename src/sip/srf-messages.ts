/**
 * Messages of drachtio-srf in the words of `port.ts`: what a reader sees of them, the SDP of a
 * body, and the CANCEL of an INVITE, which may come before anybody listens for it.
 */
import type { Message, ResponseHeaders } from './port.ts';
import type { SrfMessage, SrfRequest } from './srf-shapes.ts';

export function readerOf(source: SrfMessage): Message {
  return {
    header: (name) => source.get(name) ?? '',
    body: source.body ?? '',
  };
}

/** The SDP of a multipart body stands for the whole (RFC 5621); else the body as it is. */
export function sdpPart(req: SrfRequest): string {
  const type = req.get('Content-Type') ?? '';
  if (!/^\s*multipart\//i.test(type)) return req.body ?? '';
  const part = req.payload?.find((each) => /^application\/sdp/i.test(each.type ?? ''));
  return part?.content ?? '';
}

/** Tells each listener of the CANCEL, those too that come after it. */
export function cancellationOf(req: SrfRequest): (listener: (cancel: Message) => void) => void {
  const listeners: ((cancel: Message) => void)[] = [];
  let cancel: Message | null = null;
  req.on('cancel', (message) => {
    cancel = readerOf(message);
    for (const listener of listeners.splice(0)) listener(cancel);
  });
  return (listener) => {
    if (cancel === null) listeners.push(listener);
    else listener(cancel);
  };
}

/** srf knows one line of each name; what stands behind a line break becomes one of its own. */
export function linesOf(headers: ResponseHeaders): Record<string, string> {
  const lines = Object.entries(headers).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : value.join(`\r\n${name}: `),
  ]);
  return Object.fromEntries(lines);
}
