/**
 * Takes one item out of a list, from the front: what comes first mostly goes first.
 *
 * Lists of what is under way are arrays, since V8 keeps what has passed through a long-lived `Map` or `Set`: each time
 * one has to make its table anew, the old table goes on holding its entries and the table that took its place. From the
 * moment that one of them is in the old generation, no scavenge frees anything of that chain.
 */
export function removeItem<T>(items: T[], item: T): void {
  const index = items.indexOf(item)
  if (index !== -1) items.splice(index, 1)
}
