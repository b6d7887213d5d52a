/**
 * Debian's Kamailio as the PBX: registrar and proxy with digest (qop=auth), location, and a
 * presence server (test/fixtures/kamailio/kamailio.cfg). Every user's password is `pw-<user>`.
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { within } from './inbox.ts';
import { freePort } from './ports.ts';
import { run, type Running } from './processes.ts';
import { statusOf } from './sip-message.ts';
import { SipWire } from './sip-wire.ts';
import type { Actor, Stage } from './stage.ts';

export interface KamailioOptions {
  /** SUBSCRIBE gets this status instead of a subscription. */
  readonly refuseSubscribe?: number;
  /** Life of a nonce, seconds: short ones turn stale under way. */
  readonly nonceSeconds?: number;
  /** Longest registration granted, and shortest accepted, seconds. */
  readonly maxExpires?: number;
  readonly minExpires?: number;
  /** Of its digest; default MD5. */
  readonly algorithm?: 'MD5' | 'SHA-256';
  /** Names the caller in P-Asserted-Identity. */
  readonly assertsIdentity?: boolean;
  /** REGISTER of this user gets 403. */
  readonly forbidden?: string;
  /** Text of a file with a `route[ACD]` (acd glue kamailio), used in place of the fixture's own. */
  readonly glue?: string;
  /** Same port as before, for restarts. */
  readonly port?: number;
}

export interface Kamailio extends Actor {
  readonly port: number;
  /** `sip:127.0.0.1:port` */
  readonly uri: string;
  /** Host of all addresses of record. */
  readonly domain: string;
  readonly process: Running;
  credentials(user: string): { username: string; password: string };
}

const fixture = path.resolve(import.meta.dirname, '../fixtures/kamailio/kamailio.cfg');
const tables = '/usr/share/kamailio/dbtext/kamailio';

export async function startKamailio(
  stage: Stage,
  options: KamailioOptions = {},
): Promise<Kamailio> {
  const port = options.port ?? (await freePort());
  const home = path.join(stage.folder, `kamailio-${port}`);
  const db = path.join(home, 'db');
  mkdirSync(home, { recursive: true });
  cpSync(tables, db, { recursive: true });
  const config = readFileSync(fixture, 'utf8')
    .replaceAll('@PORT@', String(port))
    .replaceAll('@DB@', db)
    .replaceAll('@REFUSE@', String(options.refuseSubscribe ?? 0))
    .replaceAll('@NONCE_EXPIRE@', String(options.nonceSeconds ?? 3600))
    .replaceAll('@MAX_EXPIRES@', String(options.maxExpires ?? 3600))
    .replaceAll('@MIN_EXPIRES@', String(options.minExpires ?? 2))
    .replaceAll('@ALGORITHM@', options.algorithm ?? 'MD5')
    .replaceAll('@ASSERT@', options.assertsIdentity === true ? '1' : '0')
    .replaceAll('@FORBIDDEN@', options.forbidden ?? '-');
  const file = path.join(home, 'kamailio.cfg');
  writeFileSync(path.join(home, 'acd.cfg'), options.glue ?? '');
  writeFileSync(file, options.glue === undefined ? config : withGlue(config));
  const running = run({
    name: `kamailio:${port}`,
    command: 'kamailio',
    args: ['-DD', '-E', '-f', file, '-Y', home, '-P', `${home}/pid`, '-m', '64', '-M', '8'],
    log: path.join(home, 'kamailio.log'),
    graceMs: 6_000,
  });
  const ready = answersOptions(port);
  const died = running.ended.then(() => {
    throw new Error(`kamailio ended at once:\n${running.output().slice(-2_000)}`);
  });
  await Promise.race([ready, died]);
  return {
    port,
    uri: `sip:127.0.0.1:${port}`,
    domain: '127.0.0.1',
    process: running,
    credentials: (user) => ({ username: user, password: `pw-${user}` }),
    stop: async () => running.stop(),
  };
}

/** The fixture with its own lines for the ACD taken out, and those of acd.cfg called instead. */
function withGlue(config: string): string {
  const own = /^ {2}if \(\$rU =~ "\^\\\*4\[45\]"[\s\S]*?^ {2}\}\n/m;
  if (!own.test(config)) throw new Error('kamailio.cfg has no lines for the ACD to be replaced');
  const called = config.replace(own, '  route(ACD);\n');
  return called.replace('request_route {', 'include_file "acd.cfg"\n\nrequest_route {');
}

/** Kamailio prints nothing when it is ready, but it answers OPTIONS; repetition is the wait. */
async function answersOptions(port: number): Promise<void> {
  const wire = await SipWire.open(await freePort());
  try {
    const sent = wire.request(
      {
        start: `OPTIONS sip:127.0.0.1:${port} SIP/2.0`,
        headers: [
          ['Max-Forwards', '70'],
          ['From', `<sip:probe@127.0.0.1:${wire.port}>;tag=${wire.newId()}`],
          ['To', `<sip:127.0.0.1:${port}>`],
          ['Call-ID', wire.newId()],
          ['CSeq', '1 OPTIONS'],
          ['Contact', `<sip:probe@127.0.0.1:${wire.port}>`],
        ],
        body: '',
      },
      { host: '127.0.0.1', port, protocol: 'udp' },
    );
    const status = statusOf(await within('kamailio to answer OPTIONS', sent.final, 20_000));
    if (status !== 200) throw new Error(`kamailio answered OPTIONS with ${status}`);
  } finally {
    await wire.close();
  }
}
