import type { ServerResponse } from 'node:http'
import { StubMlServer } from '@immich-ml-router/core/testing'
import { configFromVariables, type MakeApp, readSettings, runGateway } from '@immich-ml-router/gateway-kit'
import { makeApp } from '../app.ts'
import { NAME } from '../name.ts'
import { tryCommands } from './try-commands.ts'

const NOTICE = 'Demo: the answers are made up. Do not connect Immich.'
/** On every answer of the demo, so that it cannot be mistaken for a real one. */
const DEMO_HEADER = 'x-immich-ml-demo'
/** Time to compute a text search, an image and another job, in milliseconds. */
const SERVICE_TIMES = [5, 50, 20]

/** Runs the gateway with three stub ML servers, on the loopback address. */
export async function runDemo(): Promise<void> {
  const stubs: StubMlServer[] = []
  await runGateway({
    name: NAME,
    makeApp: makeDemoApp,
    configure: async () => {
      const settings = readSettings(process.env)
      for (const serviceTime of SERVICE_TIMES) stubs.push(await StubMlServer.start({ serviceTime }))
      const [text, image, other] = stubs.map(({ url }) => url)
      const options = configFromVariables({ ML_TEXT_URL: text, ML_IMAGE_URL: image, ML_DEFAULT_URL: other })
      return {
        ...settings,
        host: '127.0.0.1',
        source: 'the demo',
        options: { ...options, transport: 'direct' },
      }
    },
    onStart: ({ url }, logger) => {
      logger.warn('demo answers: do not connect Immich')
      return tryCommands(url)
    },
    onStop: async () => {
      await Promise.all(stubs.map((stub) => stub.close()))
    },
  })
}

const makeDemoApp: MakeApp = (options) => {
  const { router, listener } = makeApp(options)
  router.notices.set({ kind: 'demo', level: 'info', message: NOTICE })
  return {
    router,
    listener: (req, res: ServerResponse) => {
      res.setHeader(DEMO_HEADER, 'made-up answer')
      listener(req, res)
    },
  }
}
