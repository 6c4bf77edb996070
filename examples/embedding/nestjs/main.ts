import 'reflect-metadata'
import { readFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { deferContinue, parseConfig, stopServer } from '@immich-ml-router/core'
import { immichMlRouter } from '@immich-ml-router/express'
import { type BeforeApplicationShutdown, Body, Controller, Get, Module, Post } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { NestExpressApplication } from '@nestjs/platform-express'
import { parse } from 'yaml'

const { PORT = '3003', ROUTER_CONFIG = new URL('router.yaml', import.meta.url) } = process.env
const predict = immichMlRouter(parseConfig(parse(await readFile(ROUTER_CONFIG, 'utf8'))))

@Controller()
class AppController {
  @Get('hello')
  hello() {
    return { hello: 'world' }
  }

  @Post('echo')
  echo(@Body() body: unknown) {
    return body
  }
}

@Module({ controllers: [AppController] })
class AppModule implements BeforeApplicationShutdown {
  // Nest closes the server after this hook.
  async beforeApplicationShutdown() {
    await stopServer(app.getHttpServer(), predict.router)
  }
}

const app: NestExpressApplication = await NestFactory.create<NestExpressApplication>(AppModule, {
  logger: ['warn', 'error'],
})
// Nest adds its body parsers in listen(), so this middleware comes before them.
app.use(predict)
app.enableShutdownHooks(['SIGTERM'], { useProcessExit: true })
await app.listen(Number(PORT))
// The router has its own timeout for idle uploads, and may pause an upload for longer than Node's 5 minutes.
app.getHttpServer().requestTimeout = 0
// A client with `Expect: 100-continue` gets a refusal before it uploads the body.
deferContinue(app.getHttpServer())
console.log(`Listening on http://localhost:${(app.getHttpServer().address() as AddressInfo).port}`)
