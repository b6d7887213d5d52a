/** A text of strangers on a terminal: what a caller calls himself must not move the cursor. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ');
}
