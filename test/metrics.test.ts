import { makeApp as express } from '@immich-ml-router/example-express-gateway'
import { makeApp as koa } from '@immich-ml-router/example-koa-gateway'
import { describe, expect, it } from 'vitest'
import { Scene } from './metrics/scene.ts'
import { counted, PREFIX, present, seriesOf } from './metrics/series.ts'
import { IDLE, PAUSED, round } from './metrics/truth.ts'

async function metricsOf(scene: Scene) {
  const response = await fetch(scene.gateway.metricsUrl)
  return seriesOf(await response.text(), PREFIX)
}

describe.each([
  ['express', express],
  ['koa', koa],
])('the metrics of the %s gateway', (_, makeApp) => {
  it('say exactly what has happened, and how things are', async () => {
    const scene = await Scene.start(makeApp)
    await scene.round()
    const [first = 0] = scene.held
    const afterFirst = counted([round(1, first)])
    present(afterFirst, IDLE)
    expect(await metricsOf(scene)).toEqual(afterFirst.series)

    await scene.round()
    const goOn = await scene.pause()
    const [, second = 0] = scene.held
    const afterSecond = counted([round(1, first), round(2, second)])
    present(afterSecond, PAUSED)
    expect(await metricsOf(scene)).toEqual(afterSecond.series)
    await goOn()
  })
})
