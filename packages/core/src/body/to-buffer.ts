/** A view of a chunk's memory; `undefined` if the chunk is not bytes or text. */
export function toBuffer(chunk: unknown): Buffer | undefined {
  if (Buffer.isBuffer(chunk)) return chunk
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return typeof chunk === 'string' ? Buffer.from(chunk) : undefined
}
