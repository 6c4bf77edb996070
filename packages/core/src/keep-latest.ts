/**
 * Puts an entry behind all others and, when there are more than so many, lets go of the one that was put there longest ago.
 *
 * While less than half of the room is taken, an entry keeps its place, since moving it is a lot more work: until the
 * room is full, what is in use will have been moved often enough.
 */
export function keepLatest<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  if (map.size > most / 2) map.delete(key)
  map.set(key, value)
  if (map.size <= most) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
