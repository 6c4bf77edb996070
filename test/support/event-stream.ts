import http from 'node:http'
import { onTestFinished } from 'vitest'
import { until } from './servers.ts'

/** A client that reads server-sent events until the end of the test. */
export interface EventStream<T> {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  /** The events so far, oldest first. */
  readonly events: readonly T[]
  /** Everything received so far, as text. */
  text(): string
  /** Whether the server has ended the stream. */
  ended(): boolean
  /** Waits for an event that matches. */
  next(matches: (event: T) => boolean, what: string): Promise<T>
  /** Stops reading but keeps the connection open. */
  pause(): void
  /** Closes the connection. */
  disconnect(): void
}

/** @param parse Converts the data of an event. */
export async function eventStream<T>(url: string, parse: (data: string) => T): Promise<EventStream<T>> {
  const events: T[] = []
  let text = ''
  let rest = ''
  let hasEnded = false
  const req = http.get(url, { agent: false, headers: { accept: 'text/event-stream' } })
  onTestFinished(() => void req.destroy())
  const res = await new Promise<http.IncomingMessage>((resolve, reject) => {
    req.on('response', resolve)
    req.on('error', reject)
  })
  const markEnded = () => {
    hasEnded = true
  }
  req.on('error', markEnded)
  res.on('error', markEnded)
  res.on('close', markEnded)
  res.setEncoding('utf8')
  res.on('data', (chunk: string) => {
    text += chunk
    const blocks = (rest + chunk).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block.split('\n').flatMap((line) => (line.startsWith('data: ') ? [line.slice(6)] : []))
      if (data.length > 0) events.push(parse(data.join('\n')))
    }
  })
  return {
    status: res.statusCode ?? 0,
    headers: res.headers,
    events,
    text: () => text,
    ended: () => hasEnded,
    async next(matches, what) {
      await until(() => events.some(matches), what)
      const found = events.find(matches)
      if (found === undefined) throw new Error(`no such event: ${what}`)
      return found
    },
    pause: () => void res.pause(),
    disconnect: () => void req.destroy(),
  }
}
