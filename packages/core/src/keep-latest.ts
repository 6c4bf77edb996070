/**
 * Sets an entry of an LRU map, and evicts the least recently set one above the capacity.
 *
 * Up to half of the capacity an entry keeps its position, because moving it is expensive. Entries in use are moved often enough
 * before the map is full.
 */
export function keepLatest<K, V>(map: Map<K, V>, key: K, value: V, capacity: number): void {
  if (map.size > capacity / 2) map.delete(key)
  map.set(key, value)
  if (map.size <= capacity) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
