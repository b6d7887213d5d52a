/**
 * Goal: a body of many mistakes costs no more than its answer can tell. Method: the compiler by
 * itself, over a list that counts what is read of it.
 */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { nearest } from '../../../src/config/faults.ts';
import { validatorCompiler } from '../../../src/http/validating.ts';

function counting<T extends object>(list: T[] | string[]) {
  const read = new Set<string>();
  const counted = new Proxy(list, {
    get: (all, at) => {
      if (typeof at === 'string' && /^\d+$/.test(at)) read.add(at);
      return Reflect.get(all, at) as unknown;
    },
  });
  return { counted, read };
}

const many = Array.from({ length: 943 }, (_, index) => `key${index}`);

function detailOf(issues: unknown): string {
  const schema = z.strictObject({ name: z.string() });
  const safeParse = () => ({ success: false, error: { issues } });
  const judge = validatorCompiler({
    schema: Object.assign(schema, { safeParse }),
    ...{ method: 'POST', url: '/', httpPart: 'body' },
  });
  return String((judge({}) as { error?: Error }).error?.message);
}

it('given very many unknown fields, looks at as many as can be told', () => {
  const { counted, read } = counting(many);
  const detail = detailOf([{ code: 'unrecognized_keys', path: [], keys: counted }]);
  expect(detail).toContain('body: there is no field "key0" here; there are: name');
  expect(read.size).toBeLessThanOrEqual(12);
});

it('given very many faults, looks at as many as can be told', () => {
  const { counted, read } = counting(
    many.map((key) => ({ code: 'custom', path: [key], message: 'is bad' })),
  );
  expect(detailOf(counted)).toContain('body /key1: is bad');
  expect(read.size).toBeLessThanOrEqual(12);
});

it('given a word longer than any name, it is near to none; else it is found as before', () => {
  expect(nearest('x'.repeat(300), ['name'])).toBeNull();
  expect(nearest('x'.repeat(64), ['name'])).toBeNull();
  expect(nearest('nmae', ['game', 'name'])).toBe('name');
  expect(nearest('Strategi', ['strategy'])).toBe('strategy');
});
