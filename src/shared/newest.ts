/**
 * Tables that remember only the newest. What is put goes to the end, also when it was there
 * before; where there are more than may be, the one that was put longest ago goes.
 */

/** The key that had to go; undefined: none. `most`: at least 1. */
export function putNewest<K, V>(map: Map<K, V>, key: K, value: V, most: number): K | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= most) return undefined;
  const [oldest] = map.keys();
  map.delete(oldest as K);
  return oldest;
}

export function addNewest<T>(set: Set<T>, value: T, most: number): void {
  set.delete(value);
  set.add(value);
  if (set.size <= most) return;
  const [oldest] = set;
  set.delete(oldest as T);
}
