/**
 * Hostile input: what strangers send to SIP and RTP ports. Messages of RFC 4475, damaged ones,
 * over UDP and in pieces over TCP; BYE and CANCEL forged for calls that are up; floods; RTP of
 * somebody else, too short, too long, and of no sense. Nothing of it may be felt by anybody.
 */
import dgram from 'node:dgram';
import net from 'node:net';
import { once } from 'node:events';
import type { Random } from '../../src/sim/random.ts';
import { damage } from '../support/fuzz.ts';
import { encode, tone } from '../support/audio.ts';
import { buildRtp, type RtpPeer } from '../support/rtp.ts';
import { torture, tortureNames } from '../support/torture.ts';
import { rest, type House } from './house.ts';

const FRAME = 160;

async function openSocket(): Promise<dgram.Socket> {
  const socket = dgram.createSocket('udp4');
  // Nobody listens where a leg has just gone: that is no fault of ours.
  socket.on('error', () => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

/** A loud tone of a stranger's, and nonsense from both, for a fifth of a second. */
export async function disturb(peers: readonly RtpPeer[], hertz: number): Promise<void> {
  const socket = await openSocket();
  const sound = encode(tone(hertz, 20, 0.9), 'ulaw');
  for (let frame = 0; frame < 10; frame += 1) {
    for (const { remote } of peers) {
      if (remote === null) continue;
      const head = { payloadType: 0, marker: false, ssrc: 0xbad, seq: frame };
      const packet = buildRtp({ ...head, timestamp: frame * FRAME, payload: sound });
      for (const data of [packet, packet.subarray(0, 7), Buffer.alloc(1_400, 0xff)]) {
        socket.send(data, remote.port, remote.host);
      }
      // RTCP is next door.
      socket.send(Buffer.alloc(28, 0x81), remote.port + 1, remote.host);
    }
    await rest(20);
  }
  for (const peer of peers) {
    if (peer.remote === null) continue;
    for (const data of [Buffer.alloc(0), Buffer.alloc(11), Buffer.alloc(60_000, 0x80)]) {
      peer.sendRaw(data);
    }
  }
  socket.close();
}

const request = (
  house: House,
  method: string,
  random: Random,
  callId: string,
  toTag = ';tag=forged',
): string => {
  const id = Math.floor(random.next() * 1e9).toString(36);
  const { sip } = house.acd;
  return [
    `${method} sip:${method === 'INVITE' ? 'nobody' : 'line'}@${sip} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK${id}`,
    'Max-Forwards: 70',
    `From: <sip:stranger@127.0.0.1>;tag=${id}`,
    `To: <sip:line@${sip}>${toTag}`,
    `Call-ID: ${callId}`,
    `CSeq: ${1 + Math.floor(random.next() * 5)} ${method}`,
    'Contact: <sip:stranger@127.0.0.1:9>',
    'Content-Length: 0',
    '\r\n',
  ].join('\r\n');
};

const METHODS = ['INVITE', 'OPTIONS', 'BYE', 'CANCEL', 'NOTIFY', 'INFO', 'ACK', 'PRACK'] as const;

export class Strangers {
  private readonly house: House;
  private readonly random: Random;

  constructor(house: House, random: Random) {
    this.house = house;
    this.random = random;
  }

  /** Something every second or so, until the end. */
  async live(): Promise<void> {
    const { house, random } = this;
    const socket = await openSocket();
    while (!house.end.aborted) {
      const kind = random.pick(['torture', 'damaged', 'damaged', 'pieces', 'forged', 'flood']);
      house.book.count(`junk: ${kind}`);
      if (kind === 'pieces') await this.inPieces();
      else for (const text of this.messages(kind)) this.send(socket, text);
      await rest(random.between(200, 1_500), house.end);
    }
    socket.close();
  }

  private messages(kind: string): string[] {
    const { house, random } = this;
    const [known = 'nobody'] = house.visits.keys();
    const next = () => random.next();
    if (kind === 'torture') {
      return [torture(tortureNames[Math.floor(random.next() * tortureNames.length)] ?? '')];
    }
    if (kind === 'forged') return ['BYE', 'CANCEL'].map((m) => request(house, m, random, known));
    if (kind === 'flood') {
      const method = random.pick(['OPTIONS', 'REGISTER', 'SUBSCRIBE', 'INVITE']);
      return Array.from({ length: 100 }, () => request(house, method, random, `f${next()}`, ''));
    }
    return METHODS.map((m) => damage(request(house, m, random, `d${random.next()}`), next));
  }

  private send(socket: dgram.Socket, text: string): void {
    const [host = '', port = '0'] = this.house.acd.sip.split(':');
    const data = Buffer.from(text, 'latin1');
    if (data.length < 65_000) socket.send(data, Number(port), host);
  }

  /** A connection that says damaged things bit by bit and then goes away in mid-word. */
  private async inPieces(): Promise<void> {
    const { house, random } = this;
    const [host = '', port = '0'] = house.acd.sip.split(':');
    const stream = net.connect(Number(port), host);
    // Refused while sipd is dead, reset where it has heard enough.
    const gone = new Promise<void>((resolve) => {
      stream.once('error', () => resolve()).once('close', () => resolve());
    });
    const text = damage(request(house, 'OPTIONS', random, `p${random.next()}`), () =>
      random.next(),
    );
    for (let at = 0; at < text.length && !stream.destroyed; at += 40) {
      stream.write(text.slice(at, at + 40), 'latin1');
      await rest(5, gone);
    }
    stream.destroy();
  }
}
