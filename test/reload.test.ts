import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import {
  type BackendEvent,
  type BackendOptions,
  type Clock,
  ConfigError,
  type ReloadOptions,
  type Route,
} from '@immich-ml-router/core'
import {
  CONTENT_TYPE,
  GOOD_ANSWER,
  type ImmichJob,
  imageBytes,
  immichBody,
  immichForm,
} from '@immich-ml-router/core/testing'
import { Pool } from 'undici'
import { describe, expect, it, onTestFinished } from 'vitest'
import { post } from './support/client.ts'
import { seeded } from './support/random.ts'
import { serveRouter } from './support/router-server.ts'
import { listen, stubMl, until } from './support/servers.ts'

/** A router behind a server, closed when the test is over, and how many timers it has set that are still to come. */
async function routed(options: ReloadOptions) {
  const timers = new Set<NodeJS.Timeout>()
  const clock: Clock = {
    now: () => performance.now(),
    after(milliseconds, callback) {
      const timer = setTimeout(
        () => {
          timers.delete(timer)
          callback()
        },
        Math.min(milliseconds, 2 ** 31 - 1),
      )
      timers.add(timer)
      return () => {
        timers.delete(timer)
        clearTimeout(timer)
      }
    },
  }
  const { router, url } = await serveRouter({ ...options, clock })
  return { router, url, pendingTimers: () => timers.size }
}

/** A server that says who it is, some milliseconds after it has the whole request. */
async function quickServer(name: string) {
  const answer = (req: IncomingMessage, res: ServerResponse) => {
    req.resume()
    req.on('end', () => setTimeout(() => res.end(`{"server":"${name}",${GOOD_ANSWER.slice(1)}`), 2))
  }
  const { url, server } = await listen(http.createServer(answer))
  const connections = () =>
    new Promise<number>((resolve, reject) =>
      server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    )
  return { name, url, connections }
}

const payloads = {
  textSearch: 'a red car',
  indexing: imageBytes(4_000),
  faces: imageBytes(20_000),
  ocr: imageBytes(2_000),
}
const bodies = {
  textSearch: immichBody('textSearch', payloads.textSearch),
  indexing: immichBody('indexing', payloads.indexing),
  faces: immichBody('faces', payloads.faces),
  ocr: immichBody('ocr', payloads.ocr),
}

async function sendBytes(client: Pool, job: ImmichJob) {
  const { statusCode, body } = await client.request({
    path: '/predict',
    method: 'POST',
    headers: { 'content-type': CONTENT_TYPE },
    body: bodies[job],
  })
  return { status: statusCode, text: await body.text() }
}

/** As Immich does. */
async function sendForm(url: string, job: ImmichJob) {
  const response = await fetch(`${url}/predict`, { method: 'POST', body: immichForm(job, payloads[job]) })
  return { status: response.status, text: await response.text() }
}

const connectionsOf = async (servers: readonly { connections(): Promise<number> }[]) =>
  (await Promise.all(servers.map((server) => server.connections()))).reduce((sum, count) => sum + count, 0)

describe('10,000 requests while the configuration is reloaded 100 times', () => {
  const REQUESTS = 10_000
  const RELOADS = 100
  const SERVERS = 8
  const CLIENTS = 4
  const AT_ONCE = 16

  it('are all answered, each by a backend that it could have gone to at some moment of its life', async () => {
    const random = seeded('reload')
    const below = (count: number) => Math.floor(random() * count)
    const some = <T>(items: readonly T[]): T[] => {
      const kept = items.filter(() => random() < 0.5)
      return kept.length > 0 ? kept : items.slice(below(items.length)).slice(0, 1)
    }
    const servers = await Promise.all(Array.from({ length: SERVERS }, (_, i) => quickServer(`server-${i}`)))
    const away = await stubMl({ fault: 'refuse' })

    /** What each job may go to, by the name of the server. */
    type Allowed = Readonly<Record<ImmichJob, readonly string[]>>
    const strategies = ['first', 'round-robin', 'least-conn', 'peak-ewma', 'model-affinity'] as const
    const makeConfig = (last: boolean): { options: ReloadOptions; allowed: Allowed } => {
      // The same name may stand for another server than before.
      const named = some(servers).map(({ name, url }, i) => ({
        name,
        url,
        backend: `backend-${(i + below(2)) % 9}`,
      }))
      const unique = [...new Map(named.map((it) => [it.backend, it])).values()]
      const backends: Record<string, BackendOptions> = { away: { url: away.url, health: false } }
      for (const { backend, url } of unique)
        backends[backend] = {
          url,
          weight: 1 + below(3),
          tier: 1 + below(2),
          ...(random() < 0.5 ? { maxConcurrent: 1 + below(8) } : {}),
          ...(random() < 0.3 ? { health: false } : {}),
        }
      const namesOf = (chosen: typeof unique) => chosen.map(({ name }) => name)
      const routeTo = (chosen: typeof unique): Pick<Route, 'backends' | 'strategy' | 'spill'> => ({
        backends: chosen.map(({ backend }) => backend),
        strategy: strategies[below(strategies.length)],
        spill: random() < 0.5,
      })
      const [searches, images, rest] = [some(unique), some(unique), some(unique)]
      // Images wait for a machine that is away, and go elsewhere when another configuration says so.
      const holds = !last && random() < 0.3
      const forImages: Route = holds
        ? { match: { task: 'clip' }, backends: ['away'], hold: '1h' }
        : {
            match: { task: 'clip' },
            ...routeTo(images),
            ...(random() < 0.5 ? { hold: '1h' } : {}),
          }
      const options: ReloadOptions = {
        backends,
        routes: [
          { match: { task: 'clip', type: 'textual' }, ...routeTo(searches) },
          forImages,
          routeTo(rest),
        ],
        retries: below(3),
        queue: { maxLength: 2_000 },
      }
      return {
        options,
        allowed: {
          textSearch: namesOf(searches),
          indexing: holds ? [] : namesOf(images),
          faces: namesOf(rest),
          ocr: namesOf(rest),
        },
      }
    }

    const configs = [makeConfig(false)]
    const { router, url, pendingTimers } = await routed(configs[0]?.options ?? { backends: {} })
    let answered = 0
    let check = () => {}
    let waiting = 0
    let held = 0
    router.on('hold', ({ kind, reason }) => {
      waiting += kind === 'held' ? 1 : -1
      if (kind === 'held' && reason === 'unavailable') held++
      check()
    })

    const jobs = ['textSearch', 'indexing', 'faces', 'ocr'] as const
    const wrong: unknown[] = []
    const byServer = new Map<string, number>()
    let sent = 0
    const send = async (client: Pool) => {
      while (sent < REQUESTS) {
        const number = sent++
        const job = jobs[number % jobs.length] ?? 'ocr'
        const from = configs.length - 1
        const { status, text } = await (number % 20 === 0 ? sendForm(url, job) : sendBytes(client, job))
        const by = status === 200 ? String(JSON.parse(text).server) : ''
        if (!configs.slice(from).some(({ allowed }) => allowed[job].includes(by)))
          wrong.push({ number, job, status, text })
        byServer.set(by, (byServer.get(by) ?? 0) + 1)
        answered++
        check()
      }
    }
    const clients = Array.from({ length: CLIENTS }, () => new Pool(url, { connections: AT_ONCE }))
    onTestFinished(async () => {
      await Promise.all(clients.map((client) => client.destroy()))
    })
    const all = Promise.all(clients.flatMap((client) => Array.from({ length: AT_ONCE }, () => send(client))))

    const events: BackendEvent['kind'][] = []
    router.on('backend', ({ kind }) => events.push(kind))
    for (let i = 1; i <= RELOADS; i++) {
      // When so many more are answered, or everybody waits for what is not there.
      const isTime = new Promise<void>((resolve) => {
        check = () => {
          if (answered >= (i * REQUESTS) / (RELOADS + 1) || waiting >= CLIENTS * AT_ONCE) resolve()
        }
        check()
      })
      await Promise.race([isTime, all])
      const next = makeConfig(i === RELOADS)
      configs.push(next)
      router.reload(next.options)
    }
    check = () => {}
    await all

    expect(wrong).toEqual([])
    expect([answered, configs.length]).toEqual([REQUESTS, RELOADS + 1])
    // The test would be worth little if nothing of this had happened.
    expect([...byServer.keys()].sort()).toEqual(servers.map(({ name }) => name))
    expect(held).toBeGreaterThan(100)
    for (const kind of ['added', 'removed'] as const)
      expect(events.filter((it) => it === kind).length).toBeGreaterThan(RELOADS)

    const last = configs.at(-1)?.options.backends ?? {}
    const { backends, active, held: stillHeld } = router.status()
    expect([active, stillHeld]).toEqual([0, {}])
    expect(backends.map(({ name, leaving }) => ({ name, leaving }))).toEqual(
      Object.keys(last).map((name) => ({ name, leaving: false })),
    )
    expect(backends.map(({ inFlight, waiting }) => inFlight + waiting.full + waiting.unavailable)).toEqual(
      backends.map(() => 0),
    )
    const used = new Set(Object.values(last).map((it) => it.url))
    await until(
      async () => (await connectionsOf(servers.filter((it) => !used.has(it.url)))) === 0,
      'no connection is left to a server that is gone',
    )
    await router.close()
    expect(pendingTimers()).toBe(0)
    await until(async () => (await connectionsOf(servers)) === 0, 'no connection is left to any server')
  }, 120_000)
})

describe('a router that is given other options', () => {
  const search = immichBody('textSearch', 'cat')

  it('has a request that fails on a backend that is gone answered by one that is there now', async () => {
    const [dying, other] = [await stubMl({ fault: 'hang' }), await stubMl()]
    const { router, url } = await routed({ backends: { gpu: { url: dying.url, health: false } } })
    const answer = post(url, search)
    await until(() => dying.started === 1, 'it is at the first')
    router.reload({ backends: { gpu: { url: other.url } } })
    expect(router.status().backends).toMatchObject([
      { name: 'gpu', url: other.url, leaving: false },
      { name: 'gpu', url: dying.url, leaving: true, inFlight: 1 },
    ])
    await dying.setFault('refuse')
    expect((await answer).status).toBe(200)
    expect([dying.started, other.started]).toEqual([1, 1])
    await until(() => router.status().backends.length === 1, 'the first is let go')
  })

  it('closes the connections to what is gone when that is idle, and no sooner', async () => {
    const [slow, other] = [await stubMl({ serviceTime: 200 }), await stubMl()]
    const { router, url, pendingTimers } = await routed({ backends: { a: { url: slow.url } } })
    const answer = post(url, search)
    await until(() => slow.started === 1, 'it runs')
    router.reload({ backends: { b: { url: other.url } } })
    expect((await answer).headers['x-immich-ml-backend']).toBe('a')
    await until(async () => (await slow.connections()) === 0, 'no connection is left')
    for (let i = 0; i < 100; i++) router.reload({ backends: { [`c${i}`]: { url: slow.url } } })
    expect(router.status().backends.map(({ name }) => name)).toContain('c99')
    await until(() => router.status().backends.length === 1, 'the others are let go')
    await router.close()
    expect(pendingTimers()).toBe(0)
    await until(async () => (await slow.connections()) === 0, 'no probe has left a connection')
  })

  it('has all of them, or none: a mistake anywhere changes nothing', async () => {
    const [one, two] = [await stubMl(), await stubMl()]
    const { router, url } = await routed({ backends: { one: { url: one.url } }, health: false })
    const events: unknown[] = []
    router.on('reload', (changes) => events.push(changes))
    router.on('backend', (event) => events.push(event))
    const good: ReloadOptions = {
      backends: { two: { url: two.url } },
      health: false,
      hold: false,
      canary: false,
      backendHeader: 'x-by',
    }
    const mistakes: [object, RegExp][] = [
      [{ bodySpool: '/no/such/directory' }, /bodySpool must be a directory/],
      [{ maxBodySize: 'big', retries: -1, forwardHeaders: ['a b'] }, /has 3 mistakes/],
      [{ routes: [{ backends: ['two'], strategy: () => ({}) }] }, /routes\[0\].strategy must be/],
      [{ clock: undefined, proxy: {} }, /proxy is not an option/],
    ]
    for (const [mistake, message] of mistakes) {
      const reload = () => router.reload({ ...good, ...mistake } as ReloadOptions)
      expect(reload).toThrow(ConfigError)
      expect(reload).toThrow(message)
    }
    expect(events).toEqual([])
    expect((await post(url, search)).headers['x-immich-ml-backend']).toBe('one')
    expect(router.reload(good).options).toEqual(['backendHeader'])
    expect(events).toMatchObject([
      { kind: 'removed', backend: 'one', url: one.url },
      { kind: 'added', backend: 'two', url: two.url },
      { backends: { added: ['two'], removed: ['one'] }, options: ['backendHeader'] },
    ])
    expect((await post(url, search)).headers['x-by']).toBe('two')
  })

  it('keeps bodies where they are when less of them may be kept', async () => {
    const [away, other] = [await stubMl({ fault: 'refuse' }), await stubMl()]
    const images = { hold: '1h' }
    const { router, url } = await routed({
      backends: { away: { url: away.url } },
      routes: [{ backends: ['away'], ...images }],
    })
    const body = immichBody('indexing', imageBytes(3_000_000))
    const answers = [post(url, body), post(url, body)]
    await until(() => router.status().held['default'] === 2, 'they wait')
    const less = { bodyMemory: 1_000, totalBodyMemory: 2_000, bodySpool: false }
    router.reload({
      backends: { away: { url: away.url } },
      routes: [{ backends: ['away'], ...images }],
      ...less,
    })
    router.reload({ backends: { other: { url: other.url } }, ...less })
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200])
    expect(other.received.map(({ size }) => size)).toEqual([body.length, body.length])
  })

  it('is one that runs', async () => {
    const { router } = await routed({ backends: { a: { url: 'http://127.0.0.1:1', health: false } } })
    await router.close()
    const again = () => router.reload({ backends: { a: { url: 'http://127.0.0.1:1' } } })
    expect(again).toThrow(expect.objectContaining({ code: 'router-closed' }))
  })
})
