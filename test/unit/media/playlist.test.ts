/** Prompt keys, digits and music classes become files. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadPlaylist, type Playlist } from '../../../src/media/playlist.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'acd-playlist-'));
afterAll(() => rmSync(folder, { recursive: true }));

function load(manifest: unknown, language = 'en'): Playlist | string {
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
  const loaded = loadPlaylist('builtin', folder, language);
  return loaded.ok ? loaded.playlist : loaded.detail;
}

const manifest = {
  prompts: [
    { key: 'hello', text: 'Hello', language: 'en', file: 'en/hello.wav' },
    { key: 'hello', text: 'Hallo', language: 'de', file: 'de/hello.wav' },
    { key: 'digit-2', text: 'two', language: 'en', file: 'en/2.wav' },
    { key: 'digit-pound', text: 'pound', language: 'en', file: 'en/pound.wav' },
  ],
  music: [
    { class: 'default', file: 'a.wav' },
    { class: 'default', file: 'b.wav' },
    { class: 'jazz', file: '/music/c.wav' },
  ],
};
const file = (name: string) => ({ file: path.join(folder, name) });

describe('a playlist', () => {
  it('gives files in order, digits one by one, silence as it is', () => {
    const playlist = load(manifest) as Playlist;
    const items = [{ prompt: 'hello' }, { silenceMs: 200 }, { digits: '2#' }];
    expect(playlist.resolve(items)).toEqual({
      files: [file('en/hello.wav'), { silenceMs: 200 }, file('en/2.wav'), file('en/pound.wav')],
      missing: [],
    });
  });

  it('leaves out what nobody recorded and names it', () => {
    const playlist = load(manifest) as Playlist;
    expect(playlist.resolve([{ prompt: 'no-such' }, { digits: '29' }])).toEqual({
      files: [file('en/2.wav')],
      missing: ['no-such', 'digit-9'],
    });
  });

  it('speaks the wanted language, and another where that has no words', () => {
    const playlist = load(manifest, 'de') as Playlist;
    const { files } = playlist.resolve([{ prompt: 'hello' }, { digits: '2' }]);
    expect(files).toEqual([file('de/hello.wav'), file('en/2.wav')]);
  });

  it('takes a key that is a path for a file of the operator', () => {
    const playlist = load(manifest) as Playlist;
    expect(playlist.resolve([{ prompt: '/srv/own.wav' }]).files).toEqual([
      { file: '/srv/own.wav' },
    ]);
  });

  it('gives the music of a class, of the default class for an unknown one', () => {
    const playlist = load(manifest) as Playlist;
    expect(playlist.music('jazz')).toEqual(['/music/c.wav']);
    expect(playlist.music('none')).toEqual([file('a.wav').file, file('b.wav').file]);
  });

  it('says which file is wrong and how', () => {
    expect(load({ prompts: [{ key: 'x' }], music: [] })).toMatch(/manifest\.json.*no "file"/);
    expect(load({ music: [] })).toMatch(/"prompts" must be a list/);
    expect(loadPlaylist('builtin', '/nowhere')).toMatchObject({ ok: false });
  });
});
