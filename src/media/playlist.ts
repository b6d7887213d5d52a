/**
 * From prompt keys, digits and music classes to files, by the manifests in prompts/: `builtin` is
 * manifest.json; `asterisk` lays asterisk.json over it, which maps the same keys to Debian's
 * recorded set (asterisk-core-sounds-en-wav, asterisk-moh-opsound-wav). A key that begins with a
 * slash is a file of the operator's own. What nobody recorded is named and left out, never a
 * failed call.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { PlayItem } from './port.ts';

/** What mediad is told to play. */
export type FileItem = { readonly file: string } | { readonly silenceMs: number };

export interface Playlist {
  /** Files for the items in order; `missing` are the keys and digits nobody recorded. */
  resolve(items: readonly PlayItem[]): { readonly files: FileItem[]; readonly missing: string[] };
  /** Files of a music class; of `default` where there is no such class. */
  music(musicClass: string): readonly string[];
  /** Music classes there are. */
  readonly classes: readonly string[];
  /** Every file of the set, music first. */
  readonly files: readonly string[];
}

export type PlaylistLoad =
  | { readonly ok: true; readonly playlist: Playlist }
  | { readonly ok: false; readonly detail: string };

/** A manifest: files by prompt key and by music class, as whole paths. */
interface Catalogue {
  readonly prompts: Map<string, string>;
  readonly music: Map<string, string[]>;
}

/** Music played where a class is not known. */
const defaultMusicClass = 'default';
/** The recorded set is installed if this is there. */
const asteriskSounds = '/usr/share/asterisk/sounds/en_US_f_Allison';
const digitNames: Readonly<Record<string, string>> = { '*': 'star', '#': 'pound' };

/**
 * Loads a set from `directory` (prompts/). Errors name the file and what to do; a missing
 * recording of a single key is none.
 */
export function loadPlaylist(
  set: 'builtin' | 'asterisk',
  directory: string,
  language = 'en',
): PlaylistLoad {
  if (set === 'asterisk' && !existsSync(asteriskSounds)) {
    const packages = 'asterisk-core-sounds-en-wav asterisk-moh-opsound-wav';
    const remedy = `apt install ${packages}, or use set: builtin`;
    const detail = `prompts: ${asteriskSounds} is missing; ${remedy}`;
    return { ok: false, detail };
  }
  const names = set === 'asterisk' ? ['manifest.json', 'asterisk.json'] : ['manifest.json'];
  const whole: Catalogue = { prompts: new Map(), music: new Map() };
  for (const name of names) {
    const file = path.join(directory, name);
    try {
      const part = readManifest(JSON.parse(readFileSync(file, 'utf8')), directory, language);
      for (const [key, prompt] of part.prompts) whole.prompts.set(key, prompt);
      for (const [key, pieces] of part.music) whole.music.set(key, pieces);
    } catch (error) {
      return { ok: false, detail: `prompts: ${file}: ${(error as Error).message}` };
    }
  }
  return { ok: true, playlist: playlistOf(whole) };
}

/** The playlist with files by key that come before its own, asked for anew at each prompt. */
export function withUploads(
  playlist: Playlist,
  uploads: () => ReadonlyMap<string, string>,
): Playlist {
  return {
    ...playlist,
    resolve: (items) => {
      const own = uploads();
      return playlist.resolve(
        items.map((item) => {
          return 'prompt' in item ? { prompt: own.get(item.prompt) ?? item.prompt } : item;
        }),
      );
    },
  };
}

interface Entry {
  readonly [field: string]: unknown;
}

function entriesOf(manifest: unknown, field: string): Entry[] {
  const list = (manifest as Entry | null)?.[field];
  if (!Array.isArray(list)) throw new Error(`"${field}" must be a list`);
  return list as Entry[];
}

function textOf(entry: Entry, field: string): string {
  const value = entry[field];
  if (typeof value !== 'string' || value === '') throw new Error(`an entry has no "${field}"`);
  return value;
}

/** Prompts of other languages stand in where the wanted one has none. */
function readManifest(manifest: unknown, directory: string, language: string): Catalogue {
  const prompts = new Map<string, string>();
  const isWanted = (entry: Entry): boolean =>
    typeof entry['language'] !== 'string' || entry['language'] === language;
  const entries = entriesOf(manifest, 'prompts');
  for (const entry of [...entries.filter(isWanted), ...entries.filter((e) => !isWanted(e))]) {
    const key = textOf(entry, 'key');
    if (!prompts.has(key)) prompts.set(key, path.resolve(directory, textOf(entry, 'file')));
  }
  const music = new Map<string, string[]>();
  for (const entry of entriesOf(manifest, 'music')) {
    const name = textOf(entry, 'class');
    const files = music.get(name) ?? [];
    files.push(path.resolve(directory, textOf(entry, 'file')));
    music.set(name, files);
  }
  return { prompts, music };
}

function playlistOf({ prompts, music }: Catalogue): Playlist {
  const fileOf = (key: string): string | undefined =>
    path.isAbsolute(key) ? key : prompts.get(key);
  return {
    resolve(items) {
      const files: FileItem[] = [];
      const missing: string[] = [];
      const add = (key: string): void => {
        const file = fileOf(key);
        if (file === undefined) missing.push(key);
        else files.push({ file });
      };
      for (const item of items) {
        if ('silenceMs' in item) files.push({ silenceMs: item.silenceMs });
        else if ('prompt' in item) add(item.prompt);
        else for (const digit of item.digits) add(`digit-${digitNames[digit] ?? digit}`);
      }
      return { files, missing };
    },
    music: (musicClass) => music.get(musicClass) ?? music.get(defaultMusicClass) ?? [],
    classes: [...music.keys()],
    files: [...new Set([...[...music.values()].flat(), ...prompts.values()])],
  };
}
