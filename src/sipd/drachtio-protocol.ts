/**
 * The client protocol's frames: `<decimal byte length>#<payload>`, the payload being one line of
 * tokens divided by `|` and, after CRLF, a SIP message if there is one. As everywhere here, text is
 * one character per byte.
 */
import type { Ground } from './admission.ts';
import { newUuid } from './ids.ts';
import { MAX_FRAME_BYTES } from './limits.ts';
import type { Path } from './path.ts';
import { printed } from './received.ts';

const MAX_LENGTH_DIGITS = String(MAX_FRAME_BYTES).length;

export interface Frame {
  id: string;
  kind: string;
  /** Tokens after id and kind. */
  args: string[];
  /** The SIP message, or ''. */
  sip: string;
}

export type ReadResult = { ok: true; frames: Frame[] } | { ok: false; reason: string };

/** Cuts the stream of one client into frames. */
export class FrameReader {
  private pending = '';
  private needed = -1;

  push(chunk: string): ReadResult {
    this.pending += chunk;
    const frames: Frame[] = [];
    for (;;) {
      if (this.needed < 0) {
        const mark = this.pending.slice(0, MAX_LENGTH_DIGITS + 1).indexOf('#');
        const digits = mark < 0 ? this.pending.slice(0, MAX_LENGTH_DIGITS + 1) : '';
        if (mark < 0) {
          const isShort = digits.length <= MAX_LENGTH_DIGITS && /^\d*$/.test(digits);
          return isShort ? { ok: true, frames } : { ok: false, reason: 'no frame length' };
        }
        const text = this.pending.slice(0, mark);
        if (!/^\d+$/.test(text)) return { ok: false, reason: 'bad frame length' };
        this.needed = Number(text);
        if (this.needed > MAX_FRAME_BYTES) return { ok: false, reason: 'frame too large' };
        this.pending = this.pending.slice(mark + 1);
      }
      if (this.pending.length < this.needed) return { ok: true, frames };
      frames.push(parseFrame(this.pending.slice(0, this.needed)));
      this.pending = this.pending.slice(this.needed);
      this.needed = -1;
    }
  }
}

function parseFrame(payload: string): Frame {
  const end = payload.indexOf('\r\n');
  const tokens = (end < 0 ? payload : payload.slice(0, end)).split('|');
  const [id = '', kind = '', ...args] = tokens;
  return { id, kind, args, sip: end < 0 ? '' : payload.slice(end + 2) };
}

export function encodeFrame(payload: string): string {
  return `${payload.length}#${payload}`;
}

let stampSecond = -1;
let stampText = '';

/** UTC `HH:MM:SS.uuuuuu`. */
export function stamp(now: number): string {
  const second = Math.floor(now / 1000);
  if (second !== stampSecond) {
    stampSecond = second;
    stampText = new Date(now).toISOString().slice(11, 19);
  }
  return `${stampText}.${String(now - second * 1000).padStart(3, '0')}000`;
}

export interface SipFrame {
  text: string;
  /** Null: made here, never on any wire. */
  path: Path | null;
  now: number;
  txnId: string;
  dialogId: string;
  /** New requests tell on which of our sockets they came, and why they were let in. */
  isNew?: boolean;
  ground?: Ground | null;
}

/** A SIP message from the network (or made here in its stead) for a client. */
export function networkFrame(one: SipFrame): string {
  const { path } = one;
  const where =
    path === null
      ? '0|unknown||0'
      : `${one.text.length}|${path.proto}|${printed(path.address)}|${path.port}`;
  // The third is where a drachtio-server names the client's session. Nobody outside writes here.
  const arrived =
    one.isNew === true && path !== null
      ? `${printed(path.ownHost)}|${path.ownPort}|${one.ground ?? ''}`
      : '';
  return encodeFrame(
    `${newUuid()}|sip|network|${where}|${stamp(one.now)}|${one.txnId}|${one.dialogId}|${arrived}` +
      `\r\n${one.text}`,
  );
}

/** A request we sent on our own account, of which the client must know. */
export function unsolicitedFrame(one: SipFrame): string {
  const { path } = one;
  const where =
    path === null
      ? '0|unknown||0'
      : `${one.text.length}|${path.proto}|${printed(path.address)}|${path.port}`;
  return encodeFrame(
    `${newUuid()}|sip|application|${where}|${stamp(one.now)}|unsolicited|${one.dialogId}|` +
      `\r\n${one.text}`,
  );
}

/** The echo of a request: a UDP echo names our socket, a TCP echo the peer. */
export function requestEcho(rid: string, one: SipFrame & { isSent: boolean }): string {
  const { path } = one;
  const bytes = one.isSent ? one.text.length : 0;
  let where = '0|unknown||0';
  if (path?.proto === 'udp') {
    where = `${bytes}|udp|${printed(path.ownHost)}|${path.boundPort}`;
  } else if (path !== null) {
    where = `${bytes}|tcp|${printed(path.address)}|${path.port}`;
  }
  return encodeFrame(
    `${newUuid()}|response|${rid}|OK|application|${where}|` +
      `${stamp(one.now)}|${one.txnId}|Msg sent:|\r\n${one.text}`,
  );
}

export function responseEcho(rid: string, one: SipFrame & { path: Path }): string {
  const { path } = one;
  return encodeFrame(
    `${newUuid()}|response|${rid}|OK|application|${one.text.length}|${path.proto}|` +
      `${printed(path.address)}|${path.port}|${stamp(one.now)}|${one.txnId}|${one.dialogId}||` +
      `Msg sent:|\r\n${one.text}`,
  );
}

/** A final answer to a request that a client had us pass on; more may follow. */
export function proxyFrame(rid: string, one: { text: string; path: Path; now: number }): string {
  const { path, text } = one;
  return encodeFrame(
    `${newUuid()}|response|${rid}|OK|network|${text.length}|${path.proto}|` +
      `${printed(path.address)}|${path.port}|${stamp(one.now)}|||continue\r\n${text}`,
  );
}

/** @param verdict `OK|…`, `NO|reason` (protocol) or `NOK|reason` (SIP) */
export function answerFrame(rid: string, verdict: string): string {
  return encodeFrame(`${newUuid()}|response|${rid}|${verdict}`);
}
