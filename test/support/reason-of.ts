import { judge } from '@immich-ml-router/core/parts'

/** Why the answer of the backend `gpu` to a CLIP request is not good. */
export function reasonOf(
  status: number,
  type: string,
  body: string,
  headers: Record<string, string> = {},
): string {
  const verdict = judge(
    { status, headers: { 'content-type': type, ...headers }, body: Buffer.from(body), complete: true },
    { backend: 'gpu', tasks: ['clip'], names: () => [], written: () => '' },
  )
  return 'reason' in verdict ? verdict.reason : verdict.kind
}
