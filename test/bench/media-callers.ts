/**
 * Callers for the media benchmark, as a process of their own: a handful of UDP sockets that
 * receive all streams, told apart by SSRC, and measure gaps and loss. Kept apart from the
 * program that measures, so that receiving costs mediad's account nothing.
 * Prints `{"ports":[…]}`; on a line of stdin prints what it saw since the last one; on end exits.
 * A line `{"speak":[…]}` lets it send 50 packets a second to each of these ports.
 */
import dgram from 'node:dgram';
import readline from 'node:readline';

const socketCount = Number(process.argv[2] ?? '4');

interface Stream {
  at: number;
  seq: number;
  packets: number;
  lost: number;
  disordered: number;
}

const streams = new Map<number, Stream>();
let gaps: number[] = [];

function hear(data: Buffer): void {
  if (data.length < 12) return;
  const ssrc = data.readUInt32BE(8);
  const seq = data.readUInt16BE(2);
  const at = performance.now();
  const known = streams.get(ssrc);
  if (known === undefined) {
    streams.set(ssrc, { at, seq, packets: 1, lost: 0, disordered: 0 });
    return;
  }
  const step = ((seq - known.seq) << 16) >> 16;
  if (step <= 0) known.disordered += 1;
  else {
    known.lost += step - 1;
    known.seq = seq;
  }
  gaps.push(at - known.at);
  known.at = at;
  known.packets += 1;
}

function report(): object {
  const sorted = Float64Array.from(gaps).sort();
  const quantile = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  const all = [...streams.values()];
  const sum = (field: 'packets' | 'lost' | 'disordered'): number =>
    all.reduce((total, stream) => total + stream[field], 0);
  const result = {
    streams: all.length,
    packets: sum('packets'),
    lost: sum('lost'),
    disordered: sum('disordered'),
    late: sorted.reduce((count, gap) => count + (gap > 30 ? 1 : 0), 0),
    gap: { p1: quantile(0.01), p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) },
  };
  gaps = [];
  streams.clear();
  return result;
}

const sockets: dgram.Socket[] = [];
const ports: number[] = [];
for (let index = 0; index < socketCount; index += 1) {
  const socket = dgram.createSocket('udp4');
  socket.on('message', hear);
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  socket.setRecvBufferSize(8 * 1024 * 1024);
  sockets.push(socket);
  ports.push(socket.address().port);
}
process.stdout.write(`${JSON.stringify({ ports })}\n`);

/** Each leg hears one stream, from the socket that its SDP names. */
function speak(targets: readonly number[]): void {
  const packet = Buffer.alloc(172, 0xff);
  const begin = performance.now();
  let frame = 0;
  const tick = (): void => {
    packet.writeUInt16BE(0x8000, 0);
    packet.writeUInt16BE(frame & 0xffff, 2);
    packet.writeUInt32BE((frame * 160) >>> 0, 4);
    for (const [index, port] of targets.entries()) {
      packet.writeUInt32BE(index + 1, 8);
      sockets[index % sockets.length]?.send(packet, port, '127.0.0.1');
    }
    frame += 1;
    setTimeout(tick, Math.max(0, begin + frame * 20 - performance.now()));
  };
  tick();
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === '') process.stdout.write(`${JSON.stringify(report())}\n`);
  else speak((JSON.parse(line) as { speak: number[] }).speak);
});
process.stdin.on('end', () => process.exit(0));
