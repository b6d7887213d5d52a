/**
 * The SIP server as a program of its own. It prints one JSON line when it is ready or cannot be,
 * logs to stderr, stops on SIGTERM, and otherwise outlives everybody it serves.
 */
import { createWriteStream, readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { parseArgs } from 'node:util';
import { Lifeline } from '../shared/lifeline.ts';
import { writeLine } from '../shared/unread.ts';
import { parseOutbound } from './outbound.ts';
import { parseListen, type ListenSpec } from './path.ts';
import { startServer, type ServerOptions } from './server.ts';
import { splitHostPort, type HostPort } from './uri.ts';

const usage = `Usage: sipd --listen udp:HOST:PORT [--listen tcp:HOST:PORT ...] [options]
  --admin HOST:PORT            where clients connect (default 127.0.0.1:9022)
  --admin-tls HOST:PORT        where clients connect by TLS, beside; needs the next two
  --tls-cert FILE              its certificate, with those in between, PEM
  --tls-key FILE               the key of it, PEM
  --outbound METHOD=URL        new requests of METHOD (*: of every other) are for the program that
                               waits at URL, tcp://HOST:PORT or tls://HOST:PORT: we connect to it
                               for each of them; or http(s)://…: a service that says which program,
                               or what else, as drachtio-server's request handlers; again for more
  --tls-ca FILE                who may have signed certificates of tls:// programs, PEM; else whom
                               Node trusts
  --external-address ADDRESS   address to show to peers outside our own networks
  --allow WHOM                 from whom new requests are taken, may be given again: a network as
                               192.0.2.0/24, 'private', 'registrars'; default everybody
  --trace FILE                 append every SIP message to FILE
  --store FILE                 keep calls here, so that they outlive this process
  --stop-with-parent           stop when standard input ends
  --lifeline PATH              socket on which another parent may take over
  --mark TEXT                  what to say there of our version and configuration
  --linger-ms N                so long without a parent before stopping (default 0)
The secret for clients is read from the environment: ACD_SIPD_SECRET.
`;

// Not process.stderr: writing to a pipe there blocks, and a reader that stopped would stop us.
const stderr = createWriteStream('', { fd: 2, autoClose: false });
// Nobody reads what we say any more: no reason to stop serving.
stderr.on('error', () => undefined);
process.stdout.on('error', () => undefined);
let lifeline: Lifeline | null = null;

function log(line: string): void {
  if (lifeline === null) writeLine(stderr, line);
  else lifeline.say(line, stderr);
}

function fail(error: string): never {
  process.stdout.write(`${JSON.stringify({ ready: false, error })}\n`);
  process.exit(1);
}

interface Arguments {
  options: ServerOptions;
  stopWithParent: boolean;
  lifeline: { path: string; mark: string; lingerMs: number };
}

/** Port 0 ("any free one") is fine here, though no address in a message may have it. */
function readPlace(option: string, text: string): HostPort {
  return splitHostPort(text.replace(/:0$/, '')) ?? fail(`--${option} ${text}: want HOST:PORT`);
}

function readPem(option: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    return fail(`--${option}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

type TlsPort = NonNullable<ServerOptions['tls']>;

function readTls(place: string, cert: string, key: string): TlsPort | null {
  if (place === '' && cert === '' && key === '') return null;
  if (place === '' || cert === '' || key === '') {
    fail('--admin-tls, --tls-cert and --tls-key go together');
  }
  const certificate = { cert: readPem('tls-cert', cert), key: readPem('tls-key', key) };
  try {
    createSecureContext(certificate);
  } catch (error) {
    fail(`--tls-cert, --tls-key: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { ...readPlace('admin-tls', place), certificate };
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', multiple: true },
      admin: { type: 'string', default: '127.0.0.1:9022' },
      'admin-tls': { type: 'string', default: '' },
      'tls-cert': { type: 'string', default: '' },
      'tls-key': { type: 'string', default: '' },
      'tls-ca': { type: 'string', default: '' },
      outbound: { type: 'string', multiple: true, default: [] },
      'external-address': { type: 'string', default: '' },
      allow: { type: 'string', multiple: true, default: [] },
      trace: { type: 'string', default: '' },
      store: { type: 'string', default: '' },
      'stop-with-parent': { type: 'boolean', default: false },
      lifeline: { type: 'string', default: '' },
      mark: { type: 'string', default: '' },
      'linger-ms': { type: 'string', default: '0' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const texts = values.listen ?? ['udp:0.0.0.0:5071', 'tcp:0.0.0.0:5071'];
  const listen: ListenSpec[] = texts.map(
    (text) => parseListen(text) ?? fail(`--listen ${text}: want udp:HOST:PORT or tcp:HOST:PORT`),
  );
  const admin = readPlace('admin', values.admin);
  const outbound = values.outbound.map(
    (text) =>
      parseOutbound(text) ??
      fail(`--outbound ${text}: want METHOD=tcp://HOST:PORT, tls: or http(s):`),
  );
  const secret = process.env['ACD_SIPD_SECRET'] ?? '';
  if (secret === '') fail('ACD_SIPD_SECRET is not set: clients need a secret to authenticate with');
  const lingerMs = Number(values['linger-ms']);
  if (!Number.isInteger(lingerMs) || lingerMs < 0) fail('--linger-ms: want a whole number');
  if (secret.includes('|')) fail('ACD_SIPD_SECRET must not contain |');
  return {
    options: {
      listen,
      adminHost: admin.host,
      adminPort: admin.port,
      tls: readTls(values['admin-tls'], values['tls-cert'], values['tls-key']),
      outbound,
      ca: values['tls-ca'] === '' ? '' : readPem('tls-ca', values['tls-ca']),
      secret: Buffer.from(secret, 'utf8').toString('latin1'),
      externalAddress: values['external-address'],
      allow: values.allow,
      trace: values.trace,
      store: values.store,
      log,
    },
    stopWithParent: values['stop-with-parent'],
    lifeline: { path: values.lifeline, mark: values.mark, lingerMs },
  };
}

async function main(): Promise<void> {
  let given: Arguments;
  try {
    given = readArguments();
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
  try {
    const server = await startServer(given.options);
    const stop = (): void => {
      lifeline?.close();
      void server.close().finally(() => process.exit(0));
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    const { admin, adminTls, listen } = server;
    if (given.stopWithParent) {
      const end = (why: string): void => {
        log(`${new Date().toISOString()} info stopping: ${why}\n`);
        stop();
      };
      lifeline = new Lifeline({ ...given.lifeline, end });
      const deaf = await lifeline.listen({ admin, listen });
      if (deaf !== null) fail(`lifeline ${deaf}`);
      lifeline.watchParent();
    }
    process.stdout.write(`${JSON.stringify({ ready: true, admin, adminTls, listen })}\n`);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}

process.on('uncaughtException', (error) => {
  log(`${new Date().toISOString()} warn defect: ${error.stack ?? ''}\n`);
});
process.on('unhandledRejection', (error) => {
  log(`${new Date().toISOString()} warn defect: ${String(error)}\n`);
});

await main();
