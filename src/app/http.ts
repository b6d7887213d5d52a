/**
 * REST of the running server: opened with the tokens and the certificate of the configuration,
 * which each reload replaces.
 */
import type { Configuration } from './config.ts';
import { isLoopbackHost } from '../config/http-access.ts';
import type { HttpConfig } from '../config/types.ts';
import { Access } from '../http/access.ts';
import type { Http } from '../http/reply.ts';
import { createHttp, renewCertificate, type HttpDeps } from '../http/server.ts';
import type { Log } from '../observe/log.ts';

export type HttpStart =
  | {
      readonly ok: true;
      /** `host:port`, with the port that the system chose. */
      readonly place: string;
      close(): Promise<void>;
    }
  | { readonly ok: false; readonly detail: string };

/** Where it cannot listen, and must not be waited for, it tries again so often. */
const AGAIN_MS = 5_000;
/** Certificates are told of so long before their end, at each start and reload. */
const EXPIRY_TOLD_MS = 14 * 86_400_000;

async function listen(http: Http, { host, port }: HttpConfig): Promise<string | null> {
  try {
    await http.listen({ host, port });
    return null;
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return code === 'EADDRINUSE'
      ? `TCP port ${port} on ${host} is in use by another program; choose another at http.listen`
      : `REST cannot listen at ${host}:${port} (${code}); choose another place at http.listen`;
  }
}

/** Where REST is, with the port that the system chose. */
function placeOf(http: Http, { host, port }: HttpConfig): string {
  const address = http.server.address();
  const given = typeof address === 'object' && address !== null ? address.port : port;
  return `${host.includes(':') ? `[${host}]` : host}:${given}`;
}

/** What an administrator should know, and what stops nothing. */
function warn({ host, tokens, tls }: HttpConfig, log: Log): void {
  if (tls === null && tokens.length > 0 && !isLoopbackHost(host)) {
    log.warn(
      {},
      'tokens cross the network unencrypted; set http.tls, or put a TLS proxy before it',
    );
  }
  if (tls !== null && tls.validTo - Date.now() < EXPIRY_TOLD_MS) {
    const until = new Date(tls.validTo).toISOString();
    log.warn({ until }, 'the certificate of http.tls ends soon; renew it, then acd reload');
  }
}

/** Listens as soon as it can; gives what ends that, and REST with it. */
function listenLater(http: Http, config: HttpConfig, log: Log): () => Promise<void> {
  let timer: NodeJS.Timeout | null = null;
  let trying: Promise<void> = Promise.resolve();
  const wait = (): void => {
    timer = setTimeout(() => {
      trying = attempt();
    }, AGAIN_MS);
  };
  const attempt = async (): Promise<void> => {
    timer = null;
    if ((await listen(http, config)) === null) log.info({}, `REST at ${placeOf(http, config)}`);
    else wait();
  };
  wait();
  return async () => {
    await trying;
    if (timer !== null) clearTimeout(timer);
    await http.close();
  };
}

/**
 * Opens and listens, or says in words why it cannot. `takesOver`: calls of a former server go on,
 * whoever has the port meanwhile; it is listened at as soon as that is possible.
 */
export async function openHttp(
  configuration: Configuration,
  deps: Omit<HttpDeps, 'access' | 'tls'>,
  takesOver: boolean,
): Promise<HttpStart> {
  const { http: config } = configuration.config;
  const access = new Access(config, Date.now, () => performance.now());
  const http = await createHttp({ ...deps, access, tls: config.tls });
  configuration.onAccess((now) => {
    access.use(now);
    deps.stream.recheck();
    if (now.tls !== null) renewCertificate(http, now.tls);
    warn(now, deps.log);
  });
  warn(config, deps.log);
  const deaf = await listen(http, config);
  const place = placeOf(http, config);
  if (deaf === null) return { ok: true, place, close: () => http.close() };
  if (takesOver) {
    deps.log.error({}, `${deaf}; calls go on without REST, and it is tried again every 5 s`);
    return { ok: true, place, close: listenLater(http, config, deps.log) };
  }
  await http.close();
  return { ok: false, detail: deaf };
}
