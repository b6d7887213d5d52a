/**
 * Pages of a list. Without `limit` a list is whole, so that the first shapes stay as they are;
 * with it the answer has so many, and a Link header (RFC 8288, rel="next") names the next page.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { problem, type Problem } from './errors.ts';

const PAGE_MAX = 1_000;

/** Query of a list that can be had in pages; spread it into the route's own. */
export const paging = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(PAGE_MAX)
    .optional()
    .describe('So many at most; the Link header then names the next page. Default: all'),
  after: z.string().max(200).optional().describe('Go on after this one; as the Link header says'),
};

interface Asked {
  readonly limit?: number | undefined;
  readonly after?: string | undefined;
}

/**
 * The page asked for. A list by rising key goes on even where the last one seen has gone; another
 * one cannot, and says so.
 */
export function pageOf<T>(
  all: readonly T[],
  keyOf: (one: T) => string,
  { limit, after }: Asked,
  order: 'by-key' | 'given' = 'given',
): { readonly page: T[]; readonly next: string | null } | Problem {
  let from = 0;
  if (after !== undefined) {
    const at = all.findIndex((one) =>
      order === 'given' ? keyOf(one) === after : keyOf(one) > after,
    );
    if (at === -1 && order === 'given') {
      return problem('unknown-cursor', `"${after.slice(0, 80)}" has gone; begin without "after"`);
    }
    from = at === -1 ? all.length : order === 'given' ? at + 1 : at;
  }
  const page = all.slice(from, limit === undefined ? undefined : from + limit);
  const last = page.at(-1);
  const isMore = last !== undefined && from + page.length < all.length;
  return { page, next: isMore ? keyOf(last) : null };
}

/** Names the next page, where there is one. */
export function linkNext(request: FastifyRequest, reply: FastifyReply, next: string | null): void {
  if (next === null) return;
  const [path = '', query = ''] = request.url.split('?', 2);
  const search = new URLSearchParams(query);
  search.set('after', next);
  void reply.header('link', `<${path}?${search.toString()}>; rel="next"`);
}
