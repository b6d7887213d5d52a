/** Goal: REST by HTTPS. Method: two certificates of a test, one after the other, over a socket. */
import { readFileSync } from 'node:fs';
import { request as tlsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, it } from 'vitest';
import { renewCertificate } from '../../../src/http/server.ts';
import { openDesk } from './house.ts';

const folder = path.resolve(import.meta.dirname, '../../fixtures/tls');
const pair = (name: string) => ({
  cert: readFileSync(path.join(folder, `${name}.pem`), 'utf8'),
  key: readFileSync(path.join(folder, `${name}.key`), 'utf8'),
  validTo: 0,
});

/** Status, and whose certificate was shown. */
function get(port: number): Promise<{ status: number; name: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/ready', rejectUnauthorized: false };
    tlsRequest({ ...options, agent: false }, (answer) => {
      const { subject } = (
        answer.socket as unknown as { getPeerCertificate(): { subject: { CN: string } } }
      ).getPeerCertificate();
      answer.resume();
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, name: subject.CN }));
    })
      .on('error', reject)
      .end();
  });
}

it('TLS: serves by HTTPS, and shows another certificate after a reload', async () => {
  const { http } = await openDesk([], { tls: pair('first') });
  await http.listen({ host: '127.0.0.1', port: 0 });
  const { port } = http.server.address() as AddressInfo;
  expect(await get(port)).toEqual({ status: 200, name: 'first.acd.test' });
  renewCertificate(http, pair('second'));
  expect(await get(port)).toEqual({ status: 200, name: 'second.acd.test' });
  await http.close();
});
