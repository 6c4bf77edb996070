import { expect, it } from 'vitest'
import { isSecretHeader } from './header-names.ts'

it.each([
  ...[
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'Set-Cookie2',
    'x-api-key',
    'x-apikey',
    'X-Api-Key-Id',
  ],
  ...['x-session-id', 'X-SessionId', 'x-session-token', 'x-access-token', 'X-AccessTokenV2', 'x-tokens'],
  ...['x-client-secret-value', 'x-credentials', 'x-password', 'x-passwd-hash', 'X-AuthKey', 'x-authkey'],
  ...['cf-access-jwt-assertion', 'x-hub-signature-256', 'x-auth', 'x_auth_code', 'connect.sid', 'x-otp'],
])('the value of %s is hidden', (name) => {
  expect(isSecretHeader(name)).toBe(true)
})

it.each([
  ...['x-tenant', 'x-author', 'x-keyboard', 'x-monkey', 'x-bypass', 'x-forwarded-for', 'user-agent'],
  ...['x-auth-request-user', 'X-Auth-Request-Email', 'x-authentik-groups', 'remote-user'],
])('the value of %s is shown', (name) => {
  expect(isSecretHeader(name)).toBe(false)
})
