import { readFile } from 'node:fs/promises'
import http, { type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import {
  type Classification,
  classifyPredictRequest,
  explanationText,
  type RequestHead,
  RouterError,
  selectBackend,
} from '@immich-ml-router/core'
import { pathOf, resolveExchangeOptions, UnclassifiedError } from '@immich-ml-router/core/parts'
import { explainSplit } from '@immich-ml-router/core/split'
import type { ConfiguredOptions } from '@immich-ml-router/gateway-kit'
import { configure } from '../configure.ts'
import { fail } from '../fail.ts'
import { printable } from '../text.ts'

/**
 * Explains in words where a gateway that has just started with this configuration would send a request.
 *
 * @param path A file with the request: the body, with or without its HTTP head. A urlencoded body without a head must
 *   start with `entries=`, `text=` or `image=`.
 */
export async function explainRequest(
  path: string,
  { options, source }: Pick<ConfiguredOptions, 'options' | 'source'>,
): Promise<string> {
  const bytes = await readRequest(path)
  const { maxBodySize, onUnclassified } = resolveExchangeOptions({
    maxBodySize: options.maxBodySize,
    onUnclassified: options.onUnclassified,
  })
  try {
    const parsed = HEAD.test(bytes.toString('latin1', 0, 2_000)) ? await parse(bytes) : undefined
    const paths = [options.path ?? '/'].flat().map((base) => `${base.replace(/\/+$/, '')}/predict`)
    if (parsed !== undefined && !paths.includes(parsed.head.path ?? ''))
      throw new RouterError('not-found', `the gateway answers POST ${paths.join(' and ')}`)
    const { classification, body } = await classifyPredictRequest(parsed?.request ?? bytes, {
      maxBodySize,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      ...(parsed === undefined ? bareContentType(bytes.toString('latin1', 0, 300)) : {}),
    })
    body.destroy()
    if (!classification.classified && onUnclassified === 'reject')
      throw new UnclassifiedError(classification.reason)
    const { backends, routes, timeouts, retries, queue, hold, health, heartbeat } = options
    const select = selectBackend({ backends, routes, timeouts, retries, queue, hold, health, heartbeat })
    return `${path}: ${jobText(classification)}.

${explanationText(explainSplit(select, classification, { request: parsed?.head }))}
Configuration: ${source}. The gateway has just started, so all backends count as healthy and idle.
`
  } catch (error) {
    if (!(error instanceof RouterError)) throw error
    return `${path}: answered with ${error.status} (${error.code}): ${error.message}\n`
  }
}

async function readRequest(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : error
    throw new Error(
      `the request file cannot be read (${reason}); give the path of a saved predict request.`,
      {
        cause: error,
      },
    )
  }
}

/** The content type of a body without a head, derived from its first bytes. */
function bareContentType(start: string): { readonly contentType?: string } {
  if (/^(entries|text|image)=/.test(start)) return { contentType: 'application/x-www-form-urlencoded' }
  const boundary = /^--([^\r\n]+)\r\n/.exec(start)?.[1]
  return boundary === undefined
    ? {}
    : { contentType: `multipart/form-data; boundary="${boundary.replaceAll(/["\\]/g, '\\$&')}"` }
}

const HEAD = /^[A-Z]+ \S+ HTTP\/1\.[01]\r\n/

/** A request in a file, and its head. */
interface ParsedRequest {
  readonly request: Request
  readonly head: Partial<RequestHead>
}

/** Parses a request with Node's HTTP server, which also decodes chunks. An incomplete body is accepted. */
function parse(bytes: Buffer): Promise<ParsedRequest> {
  return new Promise((resolve, reject) => {
    const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    const onRequest = (req: IncomingMessage) => {
      if (req.method !== 'POST' || !pathOf(req).endsWith('/predict'))
        return reject(
          new Error(`The file contains ${req.method} ${pathOf(req)}, which is not a predict request.`),
        )
      const chunks: Buffer[] = []
      req.on('data', (chunk) => chunks.push(chunk)).on('error', () => {})
      // In the next turn of the event loop, the parser has read everything.
      setImmediate(() => {
        const headers = new Headers()
        for (const name of ['content-type', 'content-encoding'])
          if (typeof req.headers[name] === 'string') headers.set(name, req.headers[name])
        const request = new Request('http://ml/predict', {
          method: 'POST',
          headers,
          body: Buffer.concat(chunks),
        })
        resolve({ request, head: { headers: req.headers, path: pathOf(req) } })
        socket.destroy()
      })
    }
    const server = http.createServer(onRequest).on('checkContinue', onRequest)
    const refuse = (why: string) =>
      reject(new Error(`The file starts like an HTTP request but is not valid: ${why}.`))
    const [head] = bytes.toString('latin1', 0, 16_384).split('\r\n\r\n', 1)
    const isSized = /^(content-length|transfer-encoding):/im.test(head ?? '')
    server.on('clientError', (error) =>
      refuse(isSized ? error.message : 'it has a body but neither Content-Length nor Transfer-Encoding'),
    )
    socket.on('close', () => refuse('its head has no end'))
    server.emit('connection', socket)
    socket.push(bytes)
    if (!bytes.includes('\r\n\r\n')) socket.destroy()
  })
}

/** `clip/textual (ViT-B-32__openai) with text input`, or the reason why the request is unclassified. */
function jobText(classification: Classification): string {
  if (!classification.classified) return `unclassified (${classification.reason})`
  const { entries, input } = classification
  const jobs = entries.map(({ task, type, model }) => `${task}/${type} (${model})`)
  return `${jobs.join(' and ')} with ${input ?? 'no'} input`
}

/** The options of `explain`. */
export interface ExplainOptions {
  /** The configuration file. Default: the variable `ROUTER_CONFIG`. */
  readonly config?: string
}

/** Prints where the request in a file would go. */
export async function runExplain(path: string, { config }: ExplainOptions): Promise<void> {
  try {
    const { options, source } = await configure(process.env, config)
    const text = await explainRequest(path, { options, source })
    // Names of models come from the request.
    process.stdout.write(text.split('\n').map(printable).join('\n'))
  } catch (error) {
    fail(error)
  }
}
