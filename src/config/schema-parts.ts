/** How the sections of acd.yaml are written down: with standard value, needed, or free. */
import { z } from 'zod';
import * as f from './fields.ts';

/** A field with a standard value, written as in the file. */
export function standard<T extends z.ZodType<unknown, string>>(schema: T, written: string) {
  return f.documented(schema, { standard: written }).prefault(written as never);
}

export function needed<T extends z.ZodType>(schema: T, example: string) {
  return f.documented(schema, { required: true, example });
}

export function free<T extends z.ZodType>(schema: T, example: string) {
  return f.documented(schema, { example }).optional();
}

export function section<S extends z.ZodRawShape>(text: string, shape: S) {
  return z.strictObject(shape).meta({ text });
}
