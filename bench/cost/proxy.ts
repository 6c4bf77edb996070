import http, { type RequestListener, type ServerResponse } from 'node:http'
import { createRouter, parseConfig } from '@immich-ml-router/core'
import { immichMlRouter } from '@immich-ml-router/express'
import { immichMlRouter as koaRouter } from '@immich-ml-router/koa'
import express from 'express'
import { createProxyServer } from 'http-proxy-3'
import Koa from 'koa'
import { type Dispatcher, Pool } from 'undici'
import { listen } from '../lib/listen.ts'
import { offer } from '../lib/offer.ts'
import type { BackendName } from './jobs.ts'

export type ProxyKind = 'floor' | 'router' | 'direct' | 'express' | 'koa' | 'http-proxy-3'
type Backends = Readonly<Record<BackendName, string>>

/** A proxy on Node, as a process of its own, as a user would set it up. */
const functions = {
  async start(kind: ProxyKind, backends: Backends, keepAlive: boolean): Promise<string> {
    return (await listen(listenerOf(kind, backends, keepAlive))).url
  },
}

export type ProxyProcess = typeof functions

offer(functions)

function listenerOf(kind: ProxyKind, { text, image }: Backends, keepAlive: boolean): RequestListener {
  const config = parseConfig({
    backends: { text: { url: text }, image: { url: image } },
    routes: [{ match: { input: 'text' }, backends: ['text'] }, { backends: ['image'] }],
  })
  switch (kind) {
    case 'floor':
      return floor(text)
    case 'router':
    case 'direct': {
      const router = createRouter({ ...config, ...(kind === 'direct' ? { forwarder: 'direct' } : {}) })
      return (req, res) => router.handle(req, res)
    }
    case 'express':
      return express().use(immichMlRouter(config))
    case 'koa':
      return new Koa().use(koaRouter(config)).callback()
    case 'http-proxy-3': {
      const proxy = createProxyServer({
        target: text,
        ...(keepAlive ? { agent: new http.Agent({ keepAlive }) } : {}),
      })
      proxy.on('error', (_error, _req, res) => res.destroy())
      return (req, res) => proxy.web(req, res)
    }
  }
}

/** The limit of this stack: the body passed on as it comes, nothing looked at. */
function floor(target: string): RequestListener {
  const pool = new Pool(target)
  return (req, res) => {
    const { url: path = '/', headers } = req
    const { 'content-type': type, 'content-length': length } = headers
    pool.dispatch(
      { path, method: 'POST', headers: { 'content-type': type, 'content-length': length }, body: req },
      new Answer(res),
    )
  }
}

class Answer implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse

  constructor(res: ServerResponse) {
    this.#res = res
  }

  onRequestStart(): void {}

  onResponseStart(_: unknown, status: number, headers: Record<string, string | string[]>): void {
    this.#res.writeHead(status, headers)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#res.write(chunk)) return
    controller.pause()
    this.#res.once('drain', () => controller.resume())
  }

  onResponseEnd(): void {
    this.#res.end()
  }

  onResponseError(): void {
    this.#res.destroy()
  }
}
