/** Messages of Asterisk 20 (chan_sip, pjsip) and FreeSWITCH 1.11, as recorded on the wire. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { IncomingRequest } from '../../../src/sip/port.ts';

export function capture(name: string): { headers: Map<string, string>; body: string } {
  const file = path.join(import.meta.dirname, 'captures', `${name}.txt`);
  const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
  const end = text.indexOf('\n\n');
  const lines = text.slice(0, end).split('\n').slice(1);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  return { headers, body: text.slice(end + 2) };
}

/** A request as the stack would give it, from header fields. */
export function request(
  headers: Readonly<Record<string, string>>,
  more: Partial<IncomingRequest> = {},
): IncomingRequest {
  const byName = new Map(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return {
    method: 'INVITE',
    uri: 'sip:acdlogin@127.0.0.1',
    dialogId: '',
    source: 'network',
    sourceHost: '127.0.0.1',
    sourcePort: 5060,
    protocol: 'udp',
    body: '',
    header: (name) => byName.get(name.toLowerCase()) ?? '',
    respond: () => Promise.resolve({ ok: true, dialogId: '' }),
    onCancel: () => undefined,
    ...more,
  };
}
