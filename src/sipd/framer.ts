/**
 * Cuts a byte stream into SIP messages by Content-Length (RFC 3261 section 18.3) and recognises the
 * CRLF keep-alive between messages (RFC 5626 section 3.5.1). Each byte is searched once, however
 * small the pieces in which it arrives.
 */
import { MAX_MESSAGE_BYTES } from './limits.ts';

export type Framed =
  | { kind: 'message'; text: string }
  | { kind: 'ping' }
  /** The stream can no longer be trusted; `text` is what there is of the message. */
  | { kind: 'broken'; reason: string; text: string };

export class Framer {
  private pending = '';
  private searched = 0;
  private needed = 0;
  private emptyLines = 0;
  private isBroken = false;

  /** Has a message begun that is not complete? */
  get isPartial(): boolean {
    return this.pending !== '';
  }

  /** @param chunk bytes as a latin1 string */
  push(chunk: string): Framed[] {
    const found: Framed[] = [];
    if (this.isBroken) return found;
    this.pending += chunk;
    while (this.pending !== '' && this.step(found));
    return found;
  }

  private step(found: Framed[]): boolean {
    if (this.needed === 0 && this.searched === 0) {
      if (this.pending.startsWith('\r\n')) {
        this.pending = this.pending.slice(2);
        this.emptyLines += 1;
        if (this.emptyLines === 2) {
          found.push({ kind: 'ping' });
          this.emptyLines = 0;
        }
        return true;
      }
      if (this.pending === '\r') return false;
      this.emptyLines = 0;
    }
    if (this.needed === 0 && !this.findHead(found)) return false;
    if (this.pending.length < this.needed) return false;
    found.push({ kind: 'message', text: this.pending.slice(0, this.needed) });
    this.pending = this.pending.slice(this.needed);
    this.needed = 0;
    this.searched = 0;
    return true;
  }

  /** Learns how long the message is; false if that is not known yet, or never will be. */
  private findHead(found: Framed[]): boolean {
    const end = this.pending.indexOf('\r\n\r\n', Math.max(0, this.searched - 3));
    this.searched = this.pending.length;
    if (end < 0) {
      if (this.pending.length > MAX_MESSAGE_BYTES) this.fail(found, 'message too large');
      return false;
    }
    const length = contentLength(this.pending.slice(0, end + 2));
    if (length < 0) {
      this.fail(found, 'bad Content-Length');
      return false;
    }
    this.needed = end + 4 + length;
    if (this.needed > MAX_MESSAGE_BYTES) {
      this.fail(found, 'message too large');
      return false;
    }
    return true;
  }

  private fail(found: Framed[], reason: string): void {
    found.push({ kind: 'broken', reason, text: this.pending.slice(0, MAX_MESSAGE_BYTES) });
    this.pending = '';
    this.isBroken = true;
  }
}

const lengthLine = /\r\n(?:content-length|l)[ \t]*:(?:[ \t]|\r\n[ \t])*([^\r]*)/gi;

/** Value of Content-Length in a header section; 0 if absent; -1 if malformed or contradictory. */
export function contentLength(head: string): number {
  let length = -2;
  for (const match of head.matchAll(lengthLine)) {
    const text = (match[1] ?? '').trim();
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (value < 0 || (length !== -2 && length !== value)) return -1;
    length = value;
  }
  return length === -2 ? 0 : length;
}
