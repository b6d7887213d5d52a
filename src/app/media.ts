/**
 * Audio for the server process: the worker on mediad, with rtpengines in front of it where
 * configured, connected before the SIP edge takes its first call.
 */
import path from 'node:path';
import type { Endpoints } from '../config/endpoints.ts';
import { splitAddress } from '../config/fields.ts';
import type { AcdConfig } from '../config/types.ts';
import { loadPlaylist, withUploads } from '../media/playlist.ts';
import type { InnerMedia, MediaPort } from '../media/port.ts';
import { createRtpengineMedia } from '../media/rtpengine.ts';
import { MediaWorker } from '../media/worker.ts';
import type { Log } from '../observe/log.ts';

export type MediaStart =
  { readonly ok: true; readonly port: MediaPort } | { readonly ok: false; readonly detail: string };

const PROMPTS = path.resolve(import.meta.dirname, '../../prompts');
const CONNECT_MS = 5_000;

function withRtpengines(inner: InnerMedia, endpoints: Endpoints, log: Log): MediaPort {
  const engines = endpoints.rtpengines
    .map((written) => splitAddress(written, { host: null, port: 22_222 }))
    .filter((place) => place !== null);
  return createRtpengineMedia({ inner, engines, log });
}

/** Connects; legs of a server before us stay, for the SIP edge to take over or to release. */
export async function connectMedia(
  config: AcdConfig,
  endpoints: Endpoints,
  log: Log,
  uploads: () => ReadonlyMap<string, string>,
): Promise<MediaStart> {
  const loaded = loadPlaylist(config.prompts.set, PROMPTS, config.prompts.language);
  if (!loaded.ok) return loaded;
  const playlist = withUploads(loaded.playlist, uploads);
  const worker = new MediaWorker({
    control: endpoints.mediad,
    playlist,
    warn: (detail) => log.warn({}, detail),
  });
  worker.start();
  const failed = await worker.whenUp(CONNECT_MS);
  if (failed !== null) {
    await worker.close();
    return { ok: false, detail: `the audio process at ${endpoints.mediad}: ${failed}` };
  }
  const port =
    config.media.engine === 'rtpengine' ? withRtpengines(worker, endpoints, log) : worker;
  return { ok: true, port };
}
