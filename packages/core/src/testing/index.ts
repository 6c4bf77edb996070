/**
 * Tools for tests of a gateway: a stub ML server on a real socket, a clock that the test advances, and the requests that
 * Immich sends.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import type { AddressInfo } from 'node:net'
 * import { test } from 'node:test'
 * import { createRouter } from '@immich-ml-router/core'
 * import { immichForm, StubMlServer } from '@immich-ml-router/core/testing'
 *
 * test('the NAS answers searches while the GPU machine sleeps', async (t) => {
 *   const [gpu, nas] = [await StubMlServer.start({ fault: 'refuse' }), await StubMlServer.start()]
 *   const backends = { gpu: { url: gpu.url }, nas: { url: nas.url } }
 *   const router = createRouter({ backends, routes: [{ backends: ['gpu', 'nas'], strategy: 'first' }] })
 *   const gateway = createServer((req, res) => router.handle(req, res)).listen(0)
 *   t.after(() => Promise.all([gateway.close(), router.close(), gpu.close(), nas.close()]))
 *   await once(gateway, 'listening')
 *   const url = `http://localhost:${(gateway.address() as AddressInfo).port}/predict`
 *   const response = await fetch(url, { method: 'POST', body: immichForm('textSearch', 'a red car') })
 *   assert.equal(response.headers.get('x-immich-ml-backend'), 'nas')
 *   assert.equal(nas.received.length, 1)
 * })
 * ```
 *
 * @module core/testing
 */

export { FakeClock } from './fake-clock.ts'
export type { AnswerFault, ConnectionFault, Fault } from './faults.ts'
export {
  BOUNDARY,
  CONTENT_TYPE,
  ENTRIES,
  GOOD_ANSWER,
  type ImmichEntries,
  type ImmichJob,
  imageBytes,
  immichBody,
  immichForm,
  type MultipartOptions,
  multipart,
  type Payload,
  type RawPart,
} from './immich-requests.ts'
export { type KnownJobs, type RequestedJob, type TaskInput, UNDECODABLE } from './predict.ts'
export { type ReceivedRequest, StubMlServer, type StubMlServerOptions } from './stub-ml-server.ts'
