/** Goal: of an address that cannot be reached nobody is told that he can be heard from anywhere. */
import { expect, it } from 'vitest';
import { Routes } from '../../../src/mediad/route.ts';

it('given a way to the party, then our address on it; given none, then null', async () => {
  const routes = new Routes();
  expect(await routes.localFor({ address: '127.0.0.1', family: 4 }, 0)).toBe('127.0.0.1');
  // The kernel refuses broadcasts to sockets that did not ask for them, with or without a route.
  expect(await routes.localFor({ address: '255.255.255.255', family: 4 }, 0)).toBeNull();
});
