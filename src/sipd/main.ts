/**
 * The SIP server as a program of its own. It prints one JSON line when it is ready or cannot be,
 * logs to stderr, stops on SIGTERM, and otherwise outlives everybody it serves.
 */
import { createWriteStream } from 'node:fs';
import { parseArgs } from 'node:util';
import { Lifeline } from '../lifeline.ts';
import { MAX_LOG_BACKLOG_BYTES } from './limits.ts';
import { parseListen, type ListenSpec } from './path.ts';
import { startServer, type ServerOptions } from './server.ts';
import { splitHostPort } from './uri.ts';

const usage = `Usage: sipd --listen udp:HOST:PORT [--listen tcp:HOST:PORT ...] [options]
  --admin HOST:PORT            where clients connect (default 127.0.0.1:9022)
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
  if (lifeline?.say(line) === true) return;
  if (stderr.writableLength < MAX_LOG_BACKLOG_BYTES) stderr.write(line);
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

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      listen: { type: 'string', multiple: true },
      admin: { type: 'string', default: '127.0.0.1:9022' },
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
  // Port 0 ("any free one") is fine here, though no address in a message may have it.
  const admin = splitHostPort(values.admin.replace(/:0$/, '')) ?? fail(`--admin ${values.admin}`);
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
    const { admin, listen } = server;
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
    process.stdout.write(`${JSON.stringify({ ready: true, admin, listen })}\n`);
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
