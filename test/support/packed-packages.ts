export const PACKAGES = [
  'core',
  'express',
  'gateway-kit',
  'immich',
  'koa',
  'search-cache',
  'status-page',
] as const

/** The examples in the README of gateway-kit. */
export const KIT_EXAMPLES = ['gateway-kit', 'start-gateway']

/** What the packages give at run time. A change here is a change for every user. */
export const PUBLIC: Record<(typeof PACKAGES)[number], string[]> = {
  core: [
    ...[
      'ConfigError',
      'NoBackendError',
      'RouterError',
      'classifyPredictRequest',
      'configWarnings',
      'createRouter',
      'deferContinue',
    ],
    ...['describePolicy', 'dnsResolver', 'expandConfig', 'explanationText', 'inheritedSocket', 'parseConfig'],
    ...['selectBackend', 'stopServer'],
  ],
  express: ['classifyPredict', 'forward', 'immichMlRouter', 'selectBackend'],
  koa: ['classifyPredict', 'forward', 'immichMlRouter', 'selectBackend'],
  'gateway-kit': [
    ...['ConfigFileError', 'DEFAULT_PORT', 'MissingConfigError', 'configFromVariables', 'createHttpServer'],
    ...['logDestination', 'makeLogger', 'ownUrlProblems', 'readConfig', 'readOptions', 'readSettings'],
    ...['runGateway', 'startGateway', 'urlOf', 'withStateFiles'],
  ],
  immich: ['checkAccess', 'immichQueues'],
  'search-cache': ['searchCache'],
  'status-page': ['statusPage'],
}

/** What core gives by further entry points. */
export const PARTS: Readonly<Record<string, string[]>> = {
  'warm-up': ['warmUp'],
  agreement: ['compareAnswers', 'findDissent', 'fixedQuestion', 'watchAgreement'],
  logging: ['LOG_FIELDS', 'logRequests'],
  metrics: ['routerMetrics'],
  parts: [
    ...[
      'Backend',
      'BackendClient',
      'BodyConsumedError',
      'BodyFailedError',
      'BodyReleasedError',
      'BodyTooLargeError',
    ],
    ...['ClientLeftError', 'ConfigError', 'Exchange', 'Forwarder', 'HoldError', 'NoBackendError'],
    ...[
      'RouterClosedError',
      'RouterError',
      'SpoolError',
      'StateFile',
      'TlsError',
      'UnclassifiedError',
      'WITH_OPTIONS',
    ],
    ...[
      'answerError',
      'canaryBody',
      'classifyPredictRequest',
      'classifyStep',
      'configWarnings',
      'createRouter',
      'defaults',
    ],
    ...[
      'deferContinue',
      'describePolicy',
      'describeRoutes',
      'dnsResolver',
      'entriesReader',
      'expandConfig',
      'explanationText',
      'formatPath',
    ],
    ...['forwardStep', 'inheritedSocket', 'jobKeysOf', 'judge', 'optionKind', 'parseConfig', 'parseDuration'],
    ...['parsePolicy', 'pathOf', 'problemText'],
    ...[
      'resolveExchangeOptions',
      'resolveImmich',
      'resolveTimeouts',
      'selectBackend',
      'selectStep',
      'shorten',
      'stopServer',
    ],
    ...['systemClock', 'withoutCredentials'],
  ],
  power: ['managePower'],
  split: ['explainSplit', 'splitRequests'],
  testing: [
    ...['BOUNDARY', 'CONTENT_TYPE', 'ENTRIES', 'FakeClock', 'GOOD_ANSWER', 'StubMlServer', 'UNDECODABLE'],
    ...['imageBytes', 'immichBody', 'immichForm', 'multipart'],
  ],
  tracing: ['openTelemetryTracing'],
}

/** What the adapters leave in the frameworks' objects has a type; were it any, these errors would not be any. */
export const TYPES = `
import { classifyPredict, forward, immichMlRouter, selectBackend } from '@immich-ml-router/express'
import type {} from '@immich-ml-router/koa'
import type { Request } from 'express'
import type { DefaultState } from 'koa'
// @ts-expect-error
export const inExpress: Request['immichMl'] = 7
// @ts-expect-error
export const inKoa: DefaultState['immichMl'] = 7

const backends = { gpu: { url: 'http://gpu' } }
const ml = immichMlRouter({
  backends,
  routes: [
    { match: ({ tasks }, { headers, client, path }) => headers['x-tenant'] === 'family' || path === client, backends: ['gpu'] },
    { match: { header: { 'x-tenant': ['a', 'b'] }, path: '/a/*' }, backends: ['gpu'] },
    { backends: ['gpu'] },
  ],
  tenant: (classification, { headers }) => headers.host,
  path: ['/', '/a'],
})
export const steps = [classifyPredict(ml), selectBackend(ml), forward(ml)]
export const own = [selectBackend({ backends }).reload, forward().close]
// @ts-expect-error
export const reload = selectBackend(ml).reload
// @ts-expect-error
export const close = forward(ml).close
export const closed: Promise<void> = ml.router[Symbol.asyncDispose]()
`

/** Makes the examples' port a free one, and tells it to the test. */
export const FREE_PORT = `
import net from 'node:net'
const { listen } = net.Server.prototype
net.Server.prototype.listen = function (port, ...rest) {
  if ((port?.port ?? port) !== 3003) return listen.call(this, port, ...rest)
  this.once('listening', () => process.send(this.address().port))
  return listen.call(this, 0, ...rest)
}
`
