/** How long a party heard nothing, by the arrival of its packets. */
import type { RtpPeer } from './rtp.ts';

/** The longest pause between two packets around the instant `at`, ms; the last counts till now. */
export function gapAround({ packets }: RtpPeer, at: number): number {
  const times = packets.map((packet) => packet.at).filter((time) => time > at - 1_000);
  const pauses = [...times, Date.now()].slice(1).map((time, index) => time - (times[index] ?? at));
  return Math.max(0, ...pauses);
}

/** `5 … 12 (median 7) ms` */
export function spread(gaps: readonly number[]): string {
  const sorted = [...gaps].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return `${sorted[0] ?? 0} … ${sorted.at(-1) ?? 0} (median ${median}) ms`;
}
