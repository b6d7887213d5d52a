/**
 * The requests of the control protocol, by the word in `do`. Fields are checked here, the work is
 * done by `Legs`. The answer repeats the request's `id` and has `ok`, or `reason` and `detail`.
 *
 * | do | fields | answer |
 * |---|---|---|
 * | create | leg, host, port?, remote?, source?, heard?, memo?, note? | address, port, peer |
 * | remote | leg, remote {address, port, rtcpPort, audio[], dtmf, sends, receives}, memo? | |
 * | play | leg, playId, items [{file} or {silenceMs}] | |
 * | stop, disconnect, release | leg | |
 * | music | leg, key, files, fromMs? (where nothing is remembered); without key: ends it | |
 * | note | leg, note?, memo? | |
 * | preload | files | |
 * | connect | a, b | |
 * | dial | leg, digits | |
 * | list, figures | | legs; figures |
 * | stats | leg | stats |
 */
import { FieldReader, type asFields } from './fields.ts';
import type { Legs, Result } from './legs.ts';
import { limits } from './limits.ts';

type Handler = (legs: Legs, read: FieldReader) => () => Result | Promise<Result>;

const handlers: Readonly<Record<string, Handler>> = {
  create: (legs, read) => {
    const leg = read.name('leg');
    const host = read.name('host');
    const wish = read.optionalInteger('port', 1, 65_534);
    const remote = read.has('remote') ? read.remote('remote') : null;
    const source = read.has('source') ? read.endpoint('source') : null;
    const heard = read.has('heard') && read.flag('heard');
    const memo = read.optionalText('memo', limits.memoBytes);
    const note = read.optionalText('note', limits.noteBytes);
    return () => legs.create(leg, host, wish, { remote, source, heard, memo, note });
  },
  remote: (legs, read) => {
    const leg = read.name('leg');
    const remote = read.remote('remote');
    const memo = read.optionalText('memo', limits.memoBytes);
    return () => legs.setRemote(leg, remote, memo);
  },
  play: (legs, read) => {
    const leg = read.name('leg');
    const playId = read.name('playId');
    const items = read.items('items');
    return () => legs.play(leg, playId, items);
  },
  stop: (legs, read) => {
    const leg = read.name('leg');
    return () => legs.stop(leg);
  },
  music: (legs, read) => {
    const leg = read.name('leg');
    if (!read.has('key')) return () => legs.setMusic(leg, null);
    const key = read.name('key');
    const files = read.files('files', limits.playItems);
    const fromMs = read.optionalInteger('fromMs', 0, limits.musicMs) ?? 0;
    return () => legs.setMusic(leg, { key, files, fromMs });
  },
  note: (legs, read) => {
    const leg = read.name('leg');
    const note = read.optionalText('note', limits.noteBytes);
    const memo = read.optionalText('memo', limits.memoBytes);
    return () => legs.note(leg, note, memo);
  },
  preload: (legs, read) => {
    const files = read.files('files', limits.preloadFiles);
    return () => legs.preload(files);
  },
  connect: (legs, read) => {
    const a = read.name('a');
    const b = read.name('b');
    return () => legs.connect(a, b);
  },
  disconnect: (legs, read) => {
    const leg = read.name('leg');
    return () => legs.disconnect(leg);
  },
  dial: (legs, read) => {
    const leg = read.name('leg');
    const digits = read.digits('digits');
    return () => legs.dial(leg, digits);
  },
  release: (legs, read) => {
    const leg = read.name('leg');
    return () => legs.release(leg);
  },
  list: (legs) => () => ({ ok: true, legs: legs.list() }),
  figures: (legs) => () => ({ ok: true, figures: legs.figures() }),
  stats: (legs, read) => {
    const leg = read.name('leg');
    return () => legs.describe(leg);
  },
};

/** Does what the request says. */
export function perform(legs: Legs, fields: ReturnType<typeof asFields>): Result | Promise<Result> {
  const word = fields['do'];
  const handler = typeof word === 'string' && Object.hasOwn(handlers, word) ? handlers[word] : null;
  if (handler == null) return { ok: false, reason: 'bad-request', detail: 'unknown word in "do"' };
  const read = new FieldReader(fields);
  const work = handler(legs, read);
  if (read.fault !== null) {
    return { ok: false, reason: 'bad-request', detail: read.fault };
  }
  return work();
}
