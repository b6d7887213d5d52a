/**
 * Goal: the store never refuses, never grows without end, and gives back what can be trusted.
 * Method: a file in a folder of its own, turns of the event loop made by hand.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { STORE_COMPACT_BYTES, STORE_RETRY_MS } from '../../../src/sipd/limits.ts';
import { restore } from '../../../src/sipd/restore.ts';
import { parseStore, readStore, Store } from '../../../src/sipd/store.ts';
import { HandClock, World } from '../../support/sipd-core.ts';

let folder: string;
let file: string;
let clock: HandClock;
let soon: (() => void)[];
let logged: string[];

const log = {
  info: (text: string): void => {
    logged.push(text);
  },
  warn: (text: string): void => {
    logged.push(text);
  },
};

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'store-'));
  file = path.join(folder, 'calls');
  clock = new HandClock();
  soon = [];
  logged = [];
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function openStore(): Store {
  const store = new Store({ file, log, clock, soon: (run) => soon.push(run) });
  store.open();
  return store;
}

function turn(): void {
  while (soon.length > 0) for (const run of soon.splice(0)) run();
}

function kept(): Record<string, unknown> {
  return Object.fromEntries(
    [...readStore(file, log)].map(([key, json]) => [key, JSON.parse(json) as unknown]),
  );
}

describe('the store', () => {
  it('given marks and drops, then the file holds the latest of what is left', () => {
    const store = openStore();
    let value = 1;
    store.mark('a', () => value);
    store.mark('b', () => 'x|\xfc\r\n');
    value = 2;
    turn();
    store.mark('c', () => 3);
    turn();
    store.drop('c');
    clock.advance(60);
    expect(kept()).toEqual({ a: 2, b: 'x|\xfc\r\n' });
  });

  it('given much history, then the file is written anew and loses nothing', () => {
    const store = openStore();
    const big = 'x'.repeat(10_000);
    store.mark('first', () => 'kept');
    for (let n = 0; n < 3 * (STORE_COMPACT_BYTES / 10_000); n++) {
      store.mark(`k${n % 7}`, () => `${n}${big}`);
      turn();
    }
    expect(statSync(file).size).toBeLessThan(2 * STORE_COMPACT_BYTES);
    expect(Object.keys(kept()).sort()).toEqual(
      ['first', 'k0', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6'].sort(),
    );
  });

  it('given changes while it is written anew, then the new file has them', () => {
    const store = openStore();
    for (let n = 0; n < 2_000; n++) store.mark(`k${n}`, () => n);
    turn();
    const filler = 'x'.repeat(STORE_COMPACT_BYTES);
    store.mark('filler', () => filler);
    for (const run of soon.splice(0)) run();
    // The new file is begun; the old one is still in place.
    expect(soon.length).toBeGreaterThan(0);
    store.drop('k1');
    store.mark('k1999', () => 'late');
    store.drop('filler');
    clock.advance(60);
    turn();
    const found = kept();
    expect(found['k1999']).toBe('late');
    expect(found['k1']).toBeUndefined();
    expect(Object.keys(found)).toHaveLength(1_999);
  });

  it('given a disk that fails for a while, then everything is written when it is back', () => {
    mkdirSync(`${file}.new`);
    const store = openStore();
    store.mark('a', () => 1);
    turn();
    expect(logged.join()).toContain('cannot be written');
    rmSync(`${file}.new`, { recursive: true });
    clock.advance(STORE_RETRY_MS);
    turn();
    store.mark('b', () => 2);
    turn();
    expect(kept()).toEqual({ a: 1, b: 2 });
    expect(logged.join()).toContain('written again');
  });

  it('given a file cut or damaged anywhere, then what is read is what was written', () => {
    const store = openStore();
    for (let n = 0; n < 20; n++) {
      store.mark(`k${n}`, () => ({ n }));
      turn();
    }
    const whole = readFileSync(file, 'latin1');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(7), fc.boolean(), (at, bit, isCut) => {
        const flipped = String.fromCharCode(whole.charCodeAt(at) ^ (1 << bit));
        const text = isCut
          ? whole.slice(0, at)
          : whole.slice(0, at) + flipped + whole.slice(at + 1);
        for (const [key, json] of parseStore(text).records) {
          expect(JSON.parse(json)).toEqual({ n: Number(key.slice(1)) });
        }
      }),
    );
  });

  it('given records of a shape unknown, then they are left out and the rest is restored', () => {
    const world = new World();
    const records = new Map([
      ['d|x', '{}'],
      ['i|y', '"nonsense"'],
      ['o|z', '{"parts":null}'],
      ['e|a', '{"dialogId":"a","at":1,"why":"BYE"}'],
    ]);
    expect(restore(world.ctx, records)).toMatchObject({ dialogs: 0, calls: 0 });
    expect(world.ctx.endings.find('a')?.why).toBe('BYE');
    expect(world.logged.join()).toContain('left out');
  });

  it('given calls of yesterday, then nothing is restored', () => {
    const world = new World();
    const records = new Map([
      ['t', String(world.clock.now() - 86_400_000)],
      ['e|a', '{"dialogId":"a","at":1,"why":"BYE"}'],
    ]);
    restore(world.ctx, records);
    expect(world.ctx.endings.find('a')).toBeUndefined();
  });

  it('given a foreign file, then it is copied aside and the store starts empty', () => {
    writeFileSync(file, 'something else\n');
    expect(readStore(file, log).size).toBe(0);
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe('something else\n');
    expect(logged).toHaveLength(1);
  });
});
