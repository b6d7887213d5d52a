/**
 * Which of our own addresses a peer should be told. A socket bound to 0.0.0.0 or :: has no address
 * to show; what must stand in Via and Contact depends on where the peer is.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os';
import { BlockList } from 'node:net';

const MAX_REMEMBERED = 1_000;
const REFRESH_MS = 30_000;

interface Local {
  address: string;
  family: 4 | 6;
  isInternal: boolean;
  interfaceName: string;
  subnet: BlockList;
}

let locals: Local[] = [];
let readAt = -Infinity;
const answers = new Map<string, string>();

function toLocal(name: string, info: NetworkInterfaceInfo): Local {
  const family = info.family === 'IPv6' ? 6 : 4;
  const subnet = new BlockList();
  const prefix = Number(info.cidr?.split('/')[1] ?? (family === 6 ? 128 : 32));
  subnet.addSubnet(info.address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  return { address: info.address, family, isInternal: info.internal, interfaceName: name, subnet };
}

function refresh(now: number): void {
  if (now - readAt < REFRESH_MS) return;
  readAt = now;
  answers.clear();
  locals = Object.entries(networkInterfaces()).flatMap(([name, infos]) =>
    (infos ?? []).map((info) => toLocal(name, info)),
  );
}

function defaultInterface(): string {
  try {
    const routes = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1);
    const found = routes.map((line) => line.split('\t')).find((parts) => parts[1] === '00000000');
    return found?.[0] ?? '';
  } catch {
    return ''; // not Linux: the first outer interface is as good a guess as any
  }
}

/** The local address that reaches `remote`. */
export function localAddressFor(remote: string, now: number): string {
  refresh(now);
  const known = answers.get(remote);
  if (known !== undefined) return known;
  const family = remote.includes(':') ? 6 : 4;
  const type = family === 6 ? 'ipv6' : 'ipv4';
  const fitting = locals.filter((local) => local.family === family);
  const outer = fitting.filter((local) => !local.isInternal);
  const preferred = defaultInterface();
  const local =
    fitting.find((one) => one.address === remote) ??
    fitting.find((one) => one.subnet.check(remote, type)) ??
    outer.find((one) => one.interfaceName === preferred) ??
    outer[0] ??
    fitting[0];
  const answer = local?.address ?? (family === 6 ? '::1' : '127.0.0.1');
  if (answers.size >= MAX_REMEMBERED) answers.clear();
  answers.set(remote, answer);
  return answer;
}

/** Is `remote` on this machine or in a network one of our interfaces belongs to? */
export function isNear(remote: string, now: number): boolean {
  refresh(now);
  const type = remote.includes(':') ? 'ipv6' : 'ipv4';
  return locals.some((local) => local.subnet.check(remote, type));
}

/** Is `address` one of this machine's own? */
export function isLocal(address: string, now: number): boolean {
  refresh(now);
  return locals.some((local) => local.address === address) || address.startsWith('127.');
}
