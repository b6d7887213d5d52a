/**
 * How reports write things: instants as ISO 8601 in UTC, spans as seconds with one decimal,
 * addresses without their scheme.
 */

export function iso(at: number): string {
  return new Date(at).toISOString();
}

export function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

export function withoutScheme(uri: string): string {
  return uri.replace(/^sips?:/i, '');
}
