/**
 * G.711 to 16-bit linear, by the segment rules of ITU-T G.711 (the same arithmetic as Sun's public
 * g711.c, which every telephony program agrees with).
 */
export const MU_BIAS = 0x84;

export function decodeMu(byte: number): number {
  const code = ~byte & 0xff;
  const magnitude = (((code & 0x0f) << 3) + MU_BIAS) << ((code & 0x70) >> 4);
  return (code & 0x80) !== 0 ? MU_BIAS - magnitude : magnitude - MU_BIAS;
}

export function decodeA(byte: number): number {
  const code = byte ^ 0x55;
  const segment = (code & 0x70) >> 4;
  const base = (code & 0x0f) << 4;
  const magnitude = segment === 0 ? base + 8 : (base + 0x108) << (segment - 1);
  return (code & 0x80) !== 0 ? magnitude : -magnitude;
}
