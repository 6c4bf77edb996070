import { EventEmitter, once } from 'node:events'
import http, { type RequestListener, type ServerResponse } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, it, onTestFinished } from 'vitest'
import { inTurn } from './in-turn.ts'

/** A connection to a server that handles its requests in turn. */
async function connect(listener: RequestListener): Promise<net.Socket> {
  const server = http.createServer(inTurn(listener)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
    server.close()
  })
  return socket
}

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`

it('starts a pipelined request once the one before it is answered', async () => {
  const started: ServerResponse[] = []
  const starts = new EventEmitter()
  const socket = await connect((_, res) => {
    started.push(res)
    starts.emit('start')
  })
  socket.write(get('/1') + get('/2'))
  await once(starts, 'start')
  expect(started).toHaveLength(1)
  started[0]?.end()
  await once(starts, 'start')
  expect(started).toHaveLength(2)
})

it('answers pipelined requests in their order, each in a turn of the event loop of its own', async () => {
  let turns = 0
  let inThisTurn = 0
  let most = 0
  const socket = await connect((req, res) => {
    if (inThisTurn++ === 0)
      setImmediate(() => {
        turns++
        inThisTurn = 0
      })
    most = Math.max(most, inThisTurn)
    res.end(req.url)
  })
  socket.write(
    Array.from({ length: 50 }, (_, i) => get(`/job-${i}.`)).join('') +
      get('/job-50.', 'Connection: close\r\n'),
  )
  const answers = await text(socket)
  expect(answers.match(/job-\d+\./g)).toEqual(Array.from({ length: 51 }, (_, i) => `job-${i}.`))
  expect(most).toBe(1)
  expect(turns).toBeGreaterThanOrEqual(50)
})

it('starts nothing for a client that has left', async () => {
  const paths: (string | undefined)[] = []
  const closed = Promise.withResolvers<void>()
  const socket = await connect((req, res) => {
    paths.push(req.url)
    res.once('close', () => setImmediate(() => setImmediate(closed.resolve)))
    socket.destroy()
  })
  socket.write(get('/1') + get('/2'))
  await closed.promise
  expect(paths).toEqual(['/1'])
})
