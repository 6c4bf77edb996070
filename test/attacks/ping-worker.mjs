// Requests /ping from a gateway, one request at a time, until a message stops it. Then it reports the slowest time.
import http from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
let stopped = false
let slowest = 0
let count = 0
parentPort.once('message', () => {
  stopped = true
})
while (!stopped) {
  const start = performance.now()
  await ping()
  slowest = Math.max(slowest, performance.now() - start)
  count++
}
agent.destroy()
parentPort.postMessage({ slowest, count })

function ping() {
  return new Promise((resolve, reject) => {
    http
      .get(workerData, { agent }, (res) => res.resume().on('end', resolve).on('error', reject))
      .on('error', reject)
  })
}
