import { expect, it } from 'vitest'
import { parseWrk } from './wrk.ts'

const SAID = `Running 10m test @ http://127.0.0.1:41273/predict
  1 threads and 16 connections
^C  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.13ms    1.10ms  21.00ms   91.00%
  7200 requests in 1.00s, 1.20MB read
Requests/sec:   7200.12

{"requests":7200,"microseconds":1000120,"p50":2013,"p99":9100,"connect":0,"read":0,"write":0,"status":0,"timeout":0}
`

it('what post.lua says is read, wherever it stands', () => {
  expect(parseWrk(SAID)).toEqual({ requests: 7200, seconds: 1.00012, p50: 2.013, p99: 9.1, failures: {} })
})

it('what has failed is counted by its kind', () => {
  const said = SAID.replace('"read":0', '"read":3').replace('"status":0', '"status":12')
  expect(parseWrk(said).failures).toEqual({ read: 3, status: 12 })
})

it('without a result, it says what wrk has said', () => {
  expect(() => parseWrk('unable to connect to 127.0.0.1:1 Connection refused\n')).toThrow(
    /^wrk has no result: unable to connect to 127\.0\.0\.1:1 Connection refused$/,
  )
  expect(() => parseWrk('{"requests":1}')).toThrow('is not whole')
})
