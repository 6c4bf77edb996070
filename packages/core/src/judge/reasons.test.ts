import { expect, it } from 'vitest'
import { notJsonReason, redirectReason, statusReason } from './reasons.ts'

const asked = { backend: 'gpu', tasks: [], names: () => [], written: () => '' }

function answer(status: number, headers: Record<string, string | string[]> = {}, body = '') {
  return { status, headers, body: Buffer.from(body), complete: true }
}

it.each([
  [answer(401), 'answered 401 Unauthorized: set backends.gpu.auth'],
  [answer(407), 'answered 407 Proxy Authentication Required: set backends.gpu.auth'],
  [answer(530), 'answered 530: the tunnel cannot reach the ML server'],
  [
    answer(418, { 'content-type': 'text/html' }, '<p>'),
    "answered 418 I'm a Teapot: check the ML server's proxy",
  ],
  [answer(418, { 'content-type': 'text/html' }), "answered 418 I'm a Teapot"],
  [answer(503, { 'content-type': 'text/html' }, '<p>'), 'answered 503 Service Unavailable'],
])('a status: %#', (given, reason) => {
  expect(statusReason(given, asked)).toBe(reason)
})

it.each([
  [answer(302, { location: 'https://login.example/a?secret=1' }), 'answered 302 to https://login.example: '],
  [answer(302, { location: ['https://login.example'] }), 'answered 302 to https://login.example: '],
  [answer(307, { location: '/elsewhere' }), 'answered 307 Temporary Redirect: '],
  [answer(304), 'answered 304 Not Modified: '],
])('a redirect, without the path of its target: %#', (given, start) => {
  expect(redirectReason(given, asked)).toMatch(`${start}`)
  expect(redirectReason(given, asked)).not.toContain('secret')
})

it.each([
  [answer(200), 'an empty body'],
  [answer(200, {}, ' <html>'), 'a page'],
  [answer(200, { 'content-type': 'TEXT/HTML; charset=utf-8' }, 'x'), 'a page'],
  [answer(200, { 'content-type': 'image/png' }, 'x'), 'image/png'],
  [answer(200, {}, 'x'), 'other data'],
  [answer(200, { 'content-type': 'x'.repeat(1_000) }, 'x'), `${'x'.repeat(99)}…`],
])('data that is not JSON: %#', (given, what) => {
  expect(notJsonReason(given, asked)).toContain(`answered 200 with ${what} instead of JSON: `)
})
