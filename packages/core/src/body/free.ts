/** Bytes below which a chunk is left to the collector: that costs less. */
export const WORTH_FREEING = 4 * 1024

/**
 * Gives the memory of a chunk back at once. The collector would as well, but only once tens of megabytes have gathered, and
 * at a fifth of the CPU time of an upload. Nobody may have the chunk any more: it has no bytes from here on.
 */
export function free({ buffer, length }: Buffer): void {
  // One that shares its memory with others is not its to give.
  if (length >= WORTH_FREEING && buffer instanceof ArrayBuffer && buffer.byteLength === length)
    buffer.transfer(0)
}
