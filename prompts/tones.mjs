/**
 * A tone that an agent hears while he dials: so many milliseconds of 425 Hz (ITU-T E.180, the tone of
 * most countries); the program adds the silence between two. The sine is by its power series, so the
 * file is the same bit for bit on every machine. Usage: node tones.mjs MILLISECONDS OUT.wav
 */
import { writeWav } from './wav.mjs';

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

const length = (Number(process.argv[2]) * RATE) / 1000;
const tone = Array.from({ length }, (_, i) => {
  const edge = Math.min(1, i / EDGE, (length - i) / EDGE);
  return Math.round(sine((i * HERTZ) / RATE) * edge * GAIN);
});
writeWav(process.argv[3], RATE, tone);
