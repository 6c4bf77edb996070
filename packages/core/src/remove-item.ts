/**
 * Removes one item from a list. Searches from the front, since the oldest item is usually removed first.
 *
 * Lists of active items are arrays, because a long-lived `Map` or `Set` retains removed entries: when V8 resizes its table, the old
 * table keeps its entries and a reference to the new table. Once a table is in the old generation, no scavenge frees that chain.
 *
 * @returns Whether it was in the list.
 */
export function removeItem<T>(items: T[], item: T): boolean {
  const index = items.indexOf(item)
  if (index !== -1) items.splice(index, 1)
  return index !== -1
}
