/** What `acd start` says when all is up: where to dial, how to log in, what to open. */
import { networkInterfaces } from 'node:os';
import type { AcdConfig } from '../config/types.ts';

interface Reached {
  /** `udp/0.0.0.0:5071` or `udp:0.0.0.0:5071`, as the SIP server told. */
  readonly sip: readonly string[];
  readonly http: string;
}

const MAX_NAMED = 8;

/** The address of this machine that a phone in its network would use. */
function ownAddress(): string {
  for (const entries of Object.values(networkInterfaces())) {
    const found = entries?.find((entry) => entry.family === 'IPv4' && !entry.internal);
    if (found !== undefined) return found.address;
  }
  return '127.0.0.1';
}

/** `host:port` to dial, and the protocols there. */
export function dialAt(
  config: AcdConfig,
  told: readonly string[],
  own: () => string,
): { readonly place: string; readonly protocols: string } {
  const found = told
    .map((entry) => /^(\w+)[/:](.+):(\d+)$/.exec(entry))
    .filter((match) => match !== null)
    .map(([, protocol = '', host = '', port = '']) => ({ protocol, host, port }));
  const best = found.find(({ host }) => !host.startsWith('[')) ?? found[0];
  if (best === undefined) return { place: own(), protocols: '' };
  const isAny = best.host === '0.0.0.0' || best.host === '[::]' || best.host === '::';
  const host = config.sip.externalAddress ?? (isAny ? own() : best.host);
  const protocols = found.filter(({ port }) => port === best.port).map(({ protocol }) => protocol);
  return {
    place: `${host}:${best.port}`,
    protocols: [...new Set(protocols)].map((protocol) => protocol.toUpperCase()).join(' and '),
  };
}

function some(words: readonly string[]): string {
  const more = words.length - MAX_NAMED;
  return words.slice(0, MAX_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

export function writeBanner(config: AcdConfig, reached: Reached, own = ownAddress): string {
  const { place, protocols } = dialAt(config, reached.sip, own);
  const { queues, agents } = config.core;
  const [loginCode = '', ...otherCodes] = config.sip.loginUsers;
  const short = otherCodes.find((code) => code.startsWith('*'));
  const agent = agents.find(({ id }) => !config.pins.has(id)) ?? agents[0];
  const full = agent === undefined ? '' : `, or ${short ?? ''}${agent.id}`;
  const direct = short === undefined ? '' : `, or ${short}${full}`;
  const named = agents.map(({ id, name }) => {
    const pin = config.pins.has(id) ? ' with a PIN' : '';
    return `${id}${name === '' ? '' : ` (${name})`}${pin}`;
  });
  const scheme = config.http.tls === null ? 'http' : 'https';
  const lines: [string, string][] = [
    ...queues
      .slice(0, MAX_NAMED)
      .map((queue, index): [string, string] => [
        index === 0 ? 'Dial' : '',
        `sip:${queue.name}@${place}${index === 0 && protocols !== '' ? `   (${protocols})` : ''}`,
      ]),
    ['Log in', `dial sip:${loginCode}@${place}${direct}, from the phone that shall ring`],
    ['', agents.length === 0 ? 'there are no agents in acd.yaml' : `agents: ${some(named)}`],
    ['Log out', `dial ${config.sip.logoutUsers.join(' or ')}`],
    ['Open', `${scheme}://${reached.http}/queues   /agents   /health   /openapi.json`],
    ...config.sip.register.map((one): [string, string] => [
      'PBX',
      `${one.name}: registering as ${one.username} at ${one.registrar}`,
    ]),
    ['Stop', 'Ctrl-C'],
  ];
  const text = lines.map(([key, value]) => `  ${key.padEnd(8)} ${value}`).join('\n');
  return `\nThe ACD is up.\n${text}\n\n`;
}
