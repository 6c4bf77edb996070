import { readFile } from 'node:fs/promises'
import http, { type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import {
  type Classification,
  classifyPredictRequest,
  explanationText,
  pathOf,
  RouterError,
  resolveExchangeOptions,
  selectBackend,
  UnclassifiedError,
} from '@immich-ml-router/core'
import { type ConfiguredOptions, seedConfig } from './config.ts'

/**
 * Says in words where a gateway with this configuration would send a request when it has just started.
 *
 * @param path Of a file with the request: its body alone, or behind its HTTP head. A urlencoded body without a head is
 *   recognized when it begins with `entries=`, `text=` or `image=`.
 */
export async function explainRequest(
  path: string,
  { options, source }: ConfiguredOptions = STAND_INS,
): Promise<string> {
  const bytes = await readFile(path)
  const { maxBodySize, onUnclassified } = resolveExchangeOptions({
    maxBodySize: options.maxBodySize,
    onUnclassified: options.onUnclassified,
  })
  try {
    const request = HEAD.test(bytes.toString('latin1', 0, 2_000)) ? await parse(bytes) : bytes
    const { classification, body } = await classifyPredictRequest(request, {
      maxBodySize,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(request === bytes ? bareContentType(bytes.toString('latin1', 0, 300)) : {}),
    })
    body.destroy()
    if (!classification.classified && onUnclassified === 'reject')
      throw new UnclassifiedError(classification.reason)
    const { backends, routes, timeouts, retries, queue, hold, health, heartbeat } = options
    const select = selectBackend({ backends, routes, timeouts, retries, queue, hold, health, heartbeat })
    return `${path} is ${jobText(classification)}.

${explanationText(select.explain(classification))}
That is by ${source}, right after the start: nothing is known of the backends then, and all count as up and idle.
`
  } catch (error) {
    if (!(error instanceof RouterError)) throw error
    return `${path} is answered with ${error.status} (${error.code}): ${error.message}\n`
  }
}

/** What a gateway starts for which no ML server is configured. */
const STAND_INS: ConfiguredOptions = {
  source: 'the stand-in servers that are started, since no real one is configured',
  options: seedConfig({
    ML_TEXT_URL: 'http://127.0.0.1',
    ML_IMAGE_URL: 'http://127.0.0.1',
    ML_DEFAULT_URL: 'http://127.0.0.1',
  }),
}

/** The content type of a body without a head, by how it begins. */
function bareContentType(start: string): { readonly contentType?: string } {
  if (/^(entries|text|image)=/.test(start)) return { contentType: 'application/x-www-form-urlencoded' }
  const boundary = /^--([^\r\n]+)\r\n/.exec(start)?.[1]
  return boundary === undefined
    ? {}
    : { contentType: `multipart/form-data; boundary="${boundary.replaceAll(/["\\]/g, '\\$&')}"` }
}

const HEAD = /^[A-Z]+ \S+ HTTP\/1\.[01]\r\n/

/** Node's own server reads the head, and takes chunks apart. What has broken off is taken as far as it goes. */
function parse(bytes: Buffer): Promise<Request> {
  return new Promise((resolve, reject) => {
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    const take = (req: IncomingMessage) => {
      if (req.method !== 'POST' || !pathOf(req).endsWith('/predict'))
        return reject(new Error(`The file holds ${req.method} ${pathOf(req)}, which is no predict request.`))
      const chunks: Buffer[] = []
      req.on('data', (chunk) => chunks.push(chunk)).on('error', () => {})
      // By then, all of it has gone through the parser.
      setImmediate(() => {
        const headers = new Headers()
        for (const name of ['content-type', 'content-encoding'])
          if (typeof req.headers[name] === 'string') headers.set(name, req.headers[name])
        resolve(new Request('http://ml/predict', { method: 'POST', headers, body: Buffer.concat(chunks) }))
        socket.destroy()
      })
    }
    const server = http.createServer(take).on('checkContinue', take)
    const refuse = (why: string) =>
      reject(new Error(`The file begins as an HTTP request, but is none: ${why}.`))
    const [head] = bytes.toString('latin1', 0, 16_384).split('\r\n\r\n', 1)
    const isSized = /^(content-length|transfer-encoding):/im.test(head ?? '')
    server.on('clientError', (error) =>
      refuse(isSized ? error.message : 'it has a body, but neither Content-Length nor Transfer-Encoding'),
    )
    socket.on('close', () => refuse('it has no end of its head'))
    server.emit('connection', socket)
    socket.push(bytes)
    if (!bytes.includes('\r\n\r\n')) socket.destroy()
  })
}

/** `clip/textual (ViT-B-32__openai) with a text`, or why it is not known. */
function jobText(classification: Classification): string {
  if (!classification.classified) return `of no known job (${classification.reason})`
  const { entries, input } = classification
  const jobs = entries.map(({ task, type, model }) => `${task}/${type} (${model})`)
  return `${jobs.join(' and ')} with ${input === undefined ? 'no payload' : `the payload ${input}`}`
}
