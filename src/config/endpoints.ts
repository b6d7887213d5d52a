/**
 * Where the server finds the other processes: handed over in the environment, because a secret in
 * the arguments could be read by every user of the machine.
 */
import { splitAddress } from './fields.ts';
import type { AcdConfig, MediaConfig } from './types.ts';

export interface Endpoints {
  readonly drachtio: { readonly host: string; readonly port: number; readonly secret: string };
  /** Control socket of mediad: a path, or host:port. */
  readonly mediad: string;
  /** `host:port` of ng listeners; used with `media.engine: rtpengine`. */
  readonly rtpengines: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `host:port:secret`; `[v6]:port:secret`. Null: it is not. */
export function readDrachtio(text: string): Endpoints['drachtio'] | null {
  const found = /^(\[[^\]]+\]|[^:]+):(\d{1,5}):(.+)$/.exec(text);
  if (found === null) return null;
  const place = splitAddress(`${found[1]}:${found[2]}`, { host: null, port: null });
  return place === null || place.port === 0 ? null : { ...place, secret: found[3] ?? '' };
}

/** `ACD_DRACHTIO`, else the configuration; null: neither. `wrong`: it cannot be understood. */
export function chooseDrachtio(
  env: Environment,
  config: AcdConfig,
): { readonly wrong: string } | { readonly drachtio: AcdConfig['sip']['drachtio'] } {
  const written = env['ACD_DRACHTIO'];
  if (written === undefined || written === '') return { drachtio: config.sip.drachtio };
  const drachtio = readDrachtio(written);
  return drachtio === null
    ? { wrong: 'ACD_DRACHTIO in the environment must be host:port:secret; mend or unset it' }
    : { drachtio };
}

export function writeEndpoints(endpoints: Endpoints): Record<string, string> {
  const { host, port, secret } = endpoints.drachtio;
  return {
    ACD_DRACHTIO: `${host.includes(':') ? `[${host}]` : host}:${port}:${secret}`,
    ACD_MEDIAD: endpoints.mediad,
    ACD_RTPENGINES: endpoints.rtpengines.join(','),
  };
}

/** What `acd serve` was told; where something is missing, one line that says what to do. */
export function readEndpoints(
  env: Environment,
  config: AcdConfig,
): { readonly ok: true; readonly endpoints: Endpoints } | { readonly ok: false; detail: string } {
  const chosen = chooseDrachtio(env, config);
  if ('wrong' in chosen) return { ok: false, detail: chosen.wrong };
  const mediad = env['ACD_MEDIAD'] ?? '';
  if (chosen.drachtio === null) {
    const detail = 'no SIP server is named; set sip.drachtio or ACD_DRACHTIO, or use `acd start`';
    return { ok: false, detail };
  }
  if (mediad === '') {
    const detail = 'ACD_MEDIAD is not set; set it to mediad’s control socket, or use `acd start`';
    return { ok: false, detail };
  }
  const listed = env['ACD_RTPENGINES'] ?? '';
  const rtpengines = listed === '' ? config.media.rtpengines : listed.split(',');
  return { ok: true, endpoints: { drachtio: chosen.drachtio, mediad, rtpengines } };
}

/** The middle of `media.ports`: with rtpengine the lower half is its, the upper half mediad's. */
function middle(media: MediaConfig): number {
  const half = media.portMin + Math.floor((media.portMax - media.portMin + 1) / 2);
  return half + (half % 2);
}

export function rtpenginePorts(media: MediaConfig): { min: number; max: number } {
  return { min: media.portMin, max: middle(media) - 1 };
}

/** Behind rtpengines of this machine, mediad's RTP never leaves it. */
export function mediadPorts(media: MediaConfig): { host: string; min: number; max: number } {
  const { portMin: min, portMax: max, address: host } = media;
  if (media.engine === 'mediad') return { host, min, max };
  const isLocal = media.rtpengines.every((engine) => /^(127\.|\[::1\]|localhost:)/.test(engine));
  return { host: isLocal ? '127.0.0.1' : host, min: middle(media), max };
}
