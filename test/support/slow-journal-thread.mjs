// The journal's thread on a disk that takes half a second for each write.
import { register } from 'tsx/esm/api';

register();
const { SqliteJournal } = await import('../../src/journal/sqlite.ts');
const { append } = SqliteJournal.prototype;
const still = new Int32Array(new SharedArrayBuffer(4));
SqliteJournal.prototype.append = function slowly(...args) {
  Atomics.wait(still, 0, 0, 500);
  return append.apply(this, args);
};
await import('../../src/journal/thread.ts');
