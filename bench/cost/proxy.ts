import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRouter, parseConfig, type RouterConfig } from '@immich-ml-router/core'
import { immichMlRouter } from '@immich-ml-router/express'
import { immichMlRouter as koaRouter } from '@immich-ml-router/koa'
import express from 'express'
import { createProxyServer } from 'http-proxy-3'
import Koa from 'koa'
import { offer } from '../lib/offer.ts'
import type { BackendName } from './jobs.ts'

export type ProxyKind = 'router' | 'direct' | 'express' | 'koa' | 'http-proxy-3'

export interface ProxySpec {
  readonly kind: ProxyKind
  readonly backends: Readonly<Record<BackendName, string>>
  /** Whether connections to the backends are kept. Our router always keeps them. */
  readonly keepAlive: boolean
}

/** A proxy on Node, as a process of its own, as a user would set it up. */
const functions = {
  async start(spec: ProxySpec): Promise<string> {
    const server = http.createServer(listenerOf(spec)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  },
}

export type ProxyProcess = typeof functions

offer(functions)

function listenerOf({ kind, backends, keepAlive }: ProxySpec): RequestListener {
  switch (kind) {
    case 'router':
    case 'direct': {
      const forwarder = kind === 'direct' ? { forwarder: kind } : {}
      const router = createRouter({ ...configOf(backends), ...forwarder })
      return (req, res) => router.handle(req, res)
    }
    case 'express':
      return express().use(immichMlRouter(configOf(backends)))
    case 'koa':
      return new Koa().use(koaRouter(configOf(backends))).callback()
    case 'http-proxy-3': {
      const agent = keepAlive ? { agent: new http.Agent({ keepAlive }) } : {}
      const proxy = createProxyServer({ target: backends.text, ...agent })
      proxy.on('error', (_error, _req, res) => res.destroy())
      return (req, res) => proxy.web(req, res)
    }
  }
}

function configOf({ text, image }: ProxySpec['backends']): RouterConfig {
  return parseConfig({
    backends: { text: { url: text }, image: { url: image } },
    routes: [{ match: { input: 'text' }, backends: ['text'] }, { backends: ['image'] }],
  })
}
