import http, { type ServerResponse } from 'node:http'
import { GOOD_ANSWER } from '@immich-ml-router/core/testing'
import { listen, until } from '../support/servers.ts'

/** Every answer with a status below 400. */
export const ANSWER = GOOD_ANSWER
/** Every other answer, in FastAPI's form. */
export const REFUSAL = JSON.stringify({ detail: 'Invalid request format.' })
/** Bytes of an answer that are kept before it begins at the client. */
export const ANSWER_MEMORY = 1_000
/** An answer that is larger than that. */
export const LARGE_ANSWER = JSON.stringify({ clip: `[${'0.25,'.repeat(400)}0.5]` })
/** What has come of it when it is cut off. */
export const HALF = LARGE_ANSWER.slice(0, 1_500)

/** A predict request that waits for its answer. */
export interface Job {
  answer(status?: number): void
  /** A proxy in front of the ML server wants a login. */
  signIn(): void
  /** The head of a large answer, and its first half. */
  begin(): void
  end(): void
  /** Breaks the connection. */
  cut(): void
}

/** An ML server that answers when it is told to. */
export class ScriptedMl {
  readonly url: string
  /** Whether it answers probes. */
  well = true
  readonly #jobs: Job[]

  private constructor(url: string, jobs: Job[]) {
    this.url = url
    this.#jobs = jobs
  }

  static async start(): Promise<ScriptedMl> {
    const jobs: Job[] = []
    const server = http.createServer((req, res) => {
      if (req.url === '/ping') res.writeHead(scripted.well ? 200 : 503).end()
      else req.resume().on('end', () => jobs.push(jobOf(res)))
    })
    const scripted: ScriptedMl = new ScriptedMl((await listen(server)).url, jobs)
    return scripted
  }

  /** The next request that has come. */
  async next(): Promise<Job> {
    await until(() => this.#jobs.length > 0, 'the request is at the backend')
    const job = this.#jobs.shift()
    if (job === undefined) throw new Error('there is no request')
    return job
  }
}

function jobOf(res: ServerResponse): Job {
  const head = (status: number, { length }: string) =>
    res.writeHead(status, { 'content-type': 'application/json', 'content-length': length })
  return {
    answer: (status = 200) => {
      const body = status < 400 ? ANSWER : REFUSAL
      head(status, body).end(body)
    },
    signIn: () => void res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>'),
    begin: () => void head(200, LARGE_ANSWER).write(HALF),
    end: () => void res.end(LARGE_ANSWER.slice(HALF.length)),
    cut: () => void res.destroy(),
  }
}
