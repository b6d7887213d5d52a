/**
 * The ring tone that an agent hears while whom he has dialled is rung: one second of 425 Hz (ITU-T
 * E.180, the tone of most countries); the program adds the silence between two. The sine is by its
 * power series, so the file is the same bit for bit on every machine. Usage: node tones.mjs OUT.wav
 */
import { writeFileSync } from 'node:fs';

const RATE = 8000;
const HERTZ = 425;
/** Rises and falls over 10 ms, so that it does not click. */
const EDGE = 80;
const GAIN = 6_000;

function sine(turn) {
  const x = (turn - Math.round(turn)) * 2 * 3.141592653589793;
  let term = x;
  let sum = x;
  for (let n = 1; n < 20; n += 1) {
    term *= (-x * x) / (2 * n * (2 * n + 1));
    sum += term;
  }
  return sum;
}

const out = Buffer.alloc(44 + RATE * 2);
out.write('RIFF', 0);
out.writeUInt32LE(36 + RATE * 2, 4);
out.write('WAVEfmt ', 8);
out.writeUInt32LE(16, 16);
out.writeUInt16LE(1, 20); // PCM
out.writeUInt16LE(1, 22); // mono
out.writeUInt32LE(RATE, 24);
out.writeUInt32LE(RATE * 2, 28);
out.writeUInt16LE(2, 32);
out.writeUInt16LE(16, 34);
out.write('data', 36);
out.writeUInt32LE(RATE * 2, 40);
for (let i = 0; i < RATE; i += 1) {
  const edge = Math.min(1, i / EDGE, (RATE - i) / EDGE);
  out.writeInt16LE(Math.round(sine((i * HERTZ) / RATE) * edge * GAIN), 44 + i * 2);
}
writeFileSync(process.argv[2], out);
