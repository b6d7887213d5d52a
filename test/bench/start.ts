/** What is measured: the product, or Asterisk where that is asked for (asterisk.ts). */
import { startAsterisk } from './asterisk.ts';
import { startProduct } from './product.ts';
import type { Product } from './product.ts';

export function start(agents: number): Promise<Product> {
  const asterisk = process.env['ACD_BENCH_ASTERISK'];
  return asterisk === undefined ? startProduct(agents) : startAsterisk(asterisk);
}
