/**
 * PINs as they may be stored and shown: sealed by a salted SHA-256, `sha256:<salt>:<hash>`, so
 * that versions of the configuration in the journal hold none to be read. A PIN has few digits:
 * this keeps it from eyes, not from somebody who tries them all.
 */
import { createHash, timingSafeEqual } from 'node:crypto';

const SEALED = /^sha256:([0-9a-f]{16}):([0-9a-f]{64})$/;

/** As it can be keyed on a phone. */
export function isPin(text: string): boolean {
  return /^\d{1,16}$/.test(text);
}

export function isSealed(pin: string): boolean {
  return SEALED.test(pin);
}

/** `salt`: 16 hex digits. */
export function sealPin(pin: string, salt: string): string {
  return `sha256:${salt}:${createHash('sha256').update(`${salt}:${pin}`).digest('hex')}`;
}

/** Is this the PIN? Takes as long whatever is wrong with it. */
export function fitsPin(given: string, pin: string): boolean {
  const salt = SEALED.exec(pin)?.[1] ?? '0000000000000000';
  const wanted = isSealed(pin) ? pin : sealPin(pin, salt);
  return timingSafeEqual(Buffer.from(sealPin(given, salt)), Buffer.from(wanted));
}
