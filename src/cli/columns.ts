/**
 * How wide a text is on a terminal: most characters take one column, those of East Asia and
 * pictures two, marks above others none (Unicode Standard Annex 11). What a program takes for
 * narrower than it is wraps, and pushes what is below it down. Of a picture that is put together
 * out of several each counts: rather too narrow a text than one too wide.
 */
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/u;
const PICTURE = /\p{Emoji_Presentation}/u;
/** First and last of each block of wide characters. */
const WIDE: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
];

function widthOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return code === 0xad ? 0 : 1;
  if (NONE.test(character)) return 0;
  const isWide = WIDE.some(([first, last]) => code >= first && code <= last);
  return isWide || PICTURE.test(character) ? 2 : 1;
}

/** Columns that the text takes; it has no control characters. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += widthOf(character);
  return columns;
}

/** As much of the text as fits. */
export function cutTo(text: string, columns: number): string {
  let left = columns;
  let kept = '';
  for (const character of text) {
    left -= widthOf(character);
    if (left < 0) break;
    kept += character;
  }
  return kept;
}

/** Filled up with blanks, which stand behind it, or with a negative number before it. */
export function padTo(text: string, columns: number): string {
  const blanks = ' '.repeat(Math.max(0, Math.abs(columns) - columnsOf(text)));
  return columns < 0 ? `${blanks}${text}` : `${text}${blanks}`;
}
