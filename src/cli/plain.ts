/**
 * A text of strangers on a terminal: what a caller calls himself must neither move the cursor nor
 * turn the direction of what stands behind it.
 */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, ' ');
}
