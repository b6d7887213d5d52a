/**
 * Music on hold, composed for this project: "Evening Line", twenty bars at 75 beats a minute, a
 * warm pad, a soft bass, a plucked arpeggio and a sparse melody. It is rendered into a ring, so
 * that every tail wraps round to the beginning and the loop has no seam. No phrase returns
 * literally, so a listener (or a test) can tell where in the piece he is.
 *
 * Only + - * / are used, never Math.sin or a random source: the file is the same bit for bit on
 * every machine. Usage: node music.mjs OUT.wav
 */
import { writeWav } from './wav.mjs';

const RATE = 8000;
const BAR = 25_600; // samples: four beats of 0.8 s
const BEAT = BAR / 4;

/** Root and chord tones as MIDI notes: the pad; the bass plays the root an octave below. */
const CHORDS = {
  C: [48, 55, 59, 64], // Cmaj7
  Am: [45, 52, 55, 60], // Am7
  F: [41, 53, 57, 64], // Fmaj7
  G: [43, 50, 57, 62], // G9sus
  Em: [40, 52, 55, 62], // Em7
  Dm: [50, 53, 57, 60], // Dm7
};
const BARS = [
  ['C', 'Am', 'F', 'G'],
  ['C', 'Em', 'F', 'Dm'],
  ['Am', 'F', 'C', 'G'],
  ['Dm', 'Em', 'F', 'G'],
  ['Am', 'Em', 'F', 'G'],
].flat();

/** Melody: bar, beat, note, length in beats. */
const MELODY = [
  [0, 2, 76, 2], [1, 0, 72, 3], [2, 1, 69, 1], [2, 2, 72, 2], [3, 1, 74, 3],
  [4, 1, 79, 2], [5, 0, 78, 1], [5, 1, 74, 3], [6, 2, 76, 1], [6, 3, 72, 1], [7, 0, 69, 4],
  [8, 2, 72, 1], [8, 3, 74, 1], [9, 0, 76, 4], [10, 1, 79, 1.5], [10, 2.5, 76, 1.5], [11, 0, 74, 3],
  [12, 1, 77, 1], [12, 2, 76, 2], [13, 0, 71, 3], [14, 0, 72, 1], [14, 1, 76, 1], [14, 2, 81, 2],
  [15, 0, 79, 4], [16, 2, 81, 1], [16, 3, 76, 1], [17, 0, 79, 3], [18, 1, 72, 1.5],
  [18, 2.5, 69, 1.5], [19, 0, 74, 2], [19, 2, 71, 2],
]; // prettier-ignore

/** The arpeggio of a bar, as chord tones in eighths; seven figures over bars of four never align. */
const FIGURES = [
  [0, 2, 1, 3, 2, 3, 1, 2],
  [3, 1, 2, 0, 1, 2, 3, 1],
  [0, 1, 2, 3, 2, 1, 3, 2],
  [1, 3, 0, 2, 3, 1, 2, 0],
  [2, 0, 3, 1, 0, 3, 2, 1],
  [3, 2, 1, 0, 2, 1, 3, 0],
  [1, 0, 3, 2, 0, 2, 1, 3],
];

/** One turn of a sine by its power series, in a table. */
const TABLE = 4096;
const sine = Array.from({ length: TABLE }, (_, i) => {
  const x = ((i < TABLE / 2 ? i : i - TABLE) / TABLE) * 2 * 3.141592653589793;
  let term = x;
  let sum = x;
  for (let n = 1; n < 20; n += 1) {
    term *= (-x * x) / (2 * n * (2 * n + 1));
    sum += term;
  }
  return sum;
});

function pitch(note) {
  let hertz = 440;
  for (let n = note; n > 69; n -= 1) hertz *= 1.0594630943592953;
  for (let n = note; n < 69; n += 1) hertz /= 1.0594630943592953;
  return hertz;
}

const ring = new Float64Array(BARS.length * BAR);

/**
 * Adds a note to the ring. `partials` are the strengths of the harmonics; those above 3.6 kHz are
 * left out. It rises over `attack` samples, fades by `decay` per sample, and is let go at `length`
 * over `release` samples.
 */
function play({ at, note, length, gain, partials, attack, decay, release }) {
  const hertz = pitch(note);
  partials.forEach((strength, index) => {
    const step = (hertz * (index + 1) * TABLE) / RATE;
    if (hertz * (index + 1) > 3600) return;
    let fade = gain * strength;
    for (let n = 0; n < length + release; n += 1) {
      const rise = n < attack ? n / attack : 1;
      const fall = n > length ? 1 - (n - length) / release : 1;
      const place = (at + n) % ring.length;
      ring[place] += sine[Math.floor(n * step) % TABLE] * fade * rise * fall;
      fade *= decay;
    }
  });
}

// Loudness and entry of the notes waver, so that no bar is a copy of another.
let dice = 2771;
function waver() {
  dice = (dice * 16807) % 2147483647;
  return 0.4 + (dice / 2147483647) * 1.2;
}

BARS.forEach((name, bar) => {
  const at = bar * BAR;
  const chord = CHORDS[name];
  const pad = { at, length: BAR, attack: 6400, decay: 1, release: 8000 };
  for (const note of chord) {
    // The tones come in one after the other, like fingers on a keyboard.
    const begin = at + Math.floor(2000 * (waver() - 0.4));
    play({ ...pad, at: begin, note: note + 12, gain: 0.11 * waver(), partials: [1, 0.35, 0.12] });
  }
  for (const beat of [0, 2.5]) {
    play({
      at: at + beat * BEAT, note: chord[0], length: 1.4 * BEAT, gain: 0.2 * waver(),
      partials: [0.6, 1, 0.5, 0.2], attack: 160, decay: 0.99985, release: 1600,
    }); // prettier-ignore
  }
  const order = FIGURES[bar % FIGURES.length];
  order.forEach((tone, eighth) => {
    play({
      at: at + (eighth * BEAT) / 2, note: chord[tone] + 24, length: BEAT * 0.9,
      gain: 0.1 * waver(), partials: [1, 0.4, 0.25, 0.1], attack: 40, decay: 0.9995, release: 800,
    }); // prettier-ignore
  });
});

for (const [bar, beat, note, beats] of MELODY) {
  play({
    at: bar * BAR + beat * BEAT, note, length: beats * BEAT, gain: 0.16 * waver(),
    partials: [1, 0.3, 0.2, 0.05], attack: 240, decay: 0.99992, release: 4800,
  }); // prettier-ignore
}

const peak = ring.reduce((most, x) => (x > most ? x : -x > most ? -x : most), 0);
// Half of full scale: music is background, and speech is cut in over it at -3 dB.
const loud = Array.from(ring, (x) => Math.round((x / peak) * 16_000));
writeWav(process.argv[2], RATE, loud);
