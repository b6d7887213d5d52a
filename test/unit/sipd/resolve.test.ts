/**
 * Goal: of several hosts of a name the one that does not answer is left for another (RFC 3263
 * section 4.3). Method: SRV records by hand; their hosts are this one, at several ports, and by its
 * address, for which nobody is asked: the system's resolver may be busy with other tests' names.
 */
import { expect, it } from 'vitest';
import { Names } from '../../../src/sipd/resolve.ts';
import { parseUri } from '../../../src/sipd/uri.ts';

const RECORDS = [
  { name: '127.0.0.1', port: 6001, priority: 10, weight: 1 },
  { name: '127.0.0.1', port: 6002, priority: 20, weight: 1 },
];

function namesWith(records: typeof RECORDS): Names {
  const names = new Names([4]);
  const resolver = {
    resolveSrv: (_name: string, done: (error: null, found: typeof RECORDS) => void) =>
      done(null, records),
  };
  Object.assign(names, { resolver });
  return names;
}

async function portOf(names: Names): Promise<number> {
  const uri = parseUri('sip:pbx.example.com');
  if (uri === null) throw new Error('no URI');
  return new Promise((resolve) => {
    names.resolve(uri, 'udp', (found) => resolve(found.ok ? found.target.port : 0));
  });
}

it('given the first host does not answer, then the next is asked, at last the first', async () => {
  const names = namesWith(RECORDS);
  expect(await portOf(names)).toBe(6001);
  names.avoid('127.0.0.1', 5999);
  expect(await portOf(names)).toBe(6001);
  names.avoid('127.0.0.1', 6001);
  expect(await portOf(names)).toBe(6002);
  names.avoid('127.0.0.1', 6002);
  expect(await portOf(names)).toBe(6001);
});

it('given it is the only one, then it is asked again', async () => {
  const names = namesWith(RECORDS.slice(0, 1));
  expect(await portOf(names)).toBe(6001);
  names.avoid('127.0.0.1', 6001);
  expect(await portOf(names)).toBe(6001);
});
