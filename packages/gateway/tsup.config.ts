import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Options } from 'tsup'
import packageJson from './package.json' with { type: 'json' }

/** The files of undici that export what core imports: its index also loads fetch, WebSocket, caches and mocks. */
const UNDICI = `
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js'
// As undici's index does, for canaries; loaded with the first one.
Dispatcher.prototype.request = function (...args) {
  return require('undici/lib/api/api-request.js').apply(this, args)
}
export { default as Agent } from 'undici/lib/dispatcher/agent.js'
export { default as Client } from 'undici/lib/dispatcher/client.js'
export { default as Pool } from 'undici/lib/dispatcher/pool.js'
export { default as buildConnector } from 'undici/lib/core/connect.js'
export { default as errors } from 'undici/lib/core/errors.js'
`

const [major, minor] = packageJson.engines.node.replace('>=', '').split('.')

/** Comes before the bundled packages, whose own errors on an old Node would say nothing. Its syntax works in every Node. */
const NODE_VERSION_CHECK = `
var nodeVersion = process.versions.node.split('.').map(Number)
if (nodeVersion[0] < ${major} || (nodeVersion[0] === ${major} && nodeVersion[1] < ${minor})) {
  console.error('immich-ml-router needs Node.js ${major}.${minor} or later, and this is Node.js ' + process.versions.node + '. Update Node.js.')
  process.exit(1)
}`

const core = join(dirname(fileURLToPath(import.meta.url)), '../core')

/** Loads the parts of undici that the gateway runs. The build fails when core imports another one. */
const lightUndici: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'light-undici',
  setup({ onResolve, onLoad }) {
    const require = createRequire(join(core, 'package.json'))
    onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'light-undici' }))
    onResolve({ filter: /^undici\/lib\//, namespace: 'light-undici' }, ({ path }) => ({
      path: require.resolve(path),
    }))
    onLoad({ filter: /.*/, namespace: 'light-undici' }, () => ({ contents: UNDICI, resolveDir: core }))
  },
}

/** Leaves out the Pushgateway client of prom-client, which loads Node's https and zlib at every start. */
const noPushgateway: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'no-pushgateway',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/pushgateway$/ }, () => ({ path: 'pushgateway', namespace: 'no-pushgateway' }))
    onLoad({ filter: /.*/, namespace: 'no-pushgateway' }, () => ({ contents: 'module.exports = undefined' }))
  },
}

/**
 * One file that needs nothing but Node: an image or a machine without npm can run it. It is CommonJS, because an ES module
 * that imports `node:http` makes Node load all of its own fetch and WebSocket: 70 ms and 10 MB at every start.
 */
export default defineConfig({
  entry: ['src/main.ts'],
  format: ['cjs'],
  target: 'node22',
  platform: 'node',
  clean: true,
  shims: true,
  outExtension: () => ({ js: '.cjs' }),
  splitting: false,
  noExternal: [/.*/],
  minifySyntax: true,
  minifyWhitespace: true,
  banner: { js: NODE_VERSION_CHECK },
  esbuildPlugins: [lightUndici, noPushgateway],
  // V8 keeps a source with other characters in twice the memory.
  esbuildOptions: (options) => {
    options.charset = 'ascii'
    options.legalComments = 'none'
    // An uncaught error prints its line.
    options.lineLimit = 160
    // The kit imports core first for its check of Node's version; the banner makes it here.
    options.logOverride = { 'ignored-bare-import': 'silent' }
  },
})
