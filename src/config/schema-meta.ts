/** What the schema of acd.yaml says of itself beside its rules: for the reference, and for REST. */
import type { z } from 'zod';

export interface Meta {
  readonly text?: string;
  readonly kind?: string;
  readonly standard?: string;
  readonly required?: boolean;
  readonly example?: string;
  readonly list?: boolean;
}

/** The metadata nearest to the schema's own, through its wrappers. */
export function metaOf(schema: unknown): Meta {
  let inner = schema;
  for (let depth = 0; depth < 8; depth += 1) {
    const meta = (inner as z.ZodType).meta?.() as Meta | undefined;
    if (meta !== undefined) return meta;
    const def = (inner as { def?: { innerType?: unknown } }).def;
    if (def?.innerType === undefined) return {};
    inner = def.innerType;
  }
  return {};
}
