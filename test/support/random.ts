/** Numbers from 0 to below 1, the same ones for the same seed. */
export type Random = () => number

/**
 * A seeded generator: a Weyl sequence through the finaliser of MurmurHash3.
 *
 * @param seed Any words and numbers; streams with different seeds have nothing to do with each other.
 */
export function seeded(...seed: readonly (string | number)[]): Random {
  let state = 0x811c9dc5
  for (const character of seed.join('/')) {
    state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193)
  }
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32
  }
}

/** The time to the next event of a Poisson stream. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random())
}

/**
 * A factor of mean 1 that is never below 0: how service times scatter.
 *
 * @param cv Its standard deviation.
 */
export function lognormal(random: Random, cv: number): number {
  const variance = Math.log(1 + cv ** 2)
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.exp(Math.sqrt(variance) * normal - variance / 2)
}
