import type { Document } from '@xmldom/xmldom'
import { expect, it } from 'vitest'
import { barPanel } from './bar-panel.ts'
import { drawChart } from './chart.ts'
import { linePanel } from './line-panel.ts'
import { scaleOf } from './scale.ts'
import { parseXml } from './xml.fixture.ts'

function texts(document: Document): (string | null)[] {
  return [...document.getElementsByTagName('text')].map(({ textContent }) => textContent)
}

it('a chart is XML, whatever its texts hold', () => {
  const name = 'peak-ewma <"auto"> & more'
  const chart = parseXml(
    drawChart({
      title: name,
      legend: [
        { label: name, colour: 0 },
        { label: 'busy', colour: 1, dashed: true },
      ],
      columns: 2,
      panels: [
        linePanel({
          title: name,
          x: { label: 'ms', from: 10, to: 1000, log: true },
          y: { label: 'share', from: 0, to: 1 },
          lines: [
            {
              colour: 0,
              points: [
                [10, 0],
                [100, 0.5],
                [5000, 1],
              ],
            },
            { colour: 9, points: [], dashed: true },
            {
              colour: 1,
              points: [
                [10, 0],
                [20, 1],
              ],
              stepped: true,
            },
          ],
          bands: [{ from: 20, to: 50, label: 'slow' }],
        }),
        barPanel({
          title: 'shares',
          axis: { label: 'share', from: 0, to: 1 },
          rows: [{ label: name, values: [0.5, undefined, 1.2] }],
          rules: [1],
          write: (value) => value.toFixed(2),
        }),
      ],
    }),
  )
  expect(chart.documentElement?.tagName).toBe('svg')
  expect(texts(chart)).toEqual(expect.arrayContaining([name, 'slow', '0.50', '1.20']))
  const paths = [...chart.getElementsByTagName('path')].map((path) => path.getAttribute('d') ?? '')
  for (const path of paths) expect(path).toMatch(/^M[\d.]+ [\d.]+[\d.HVLh ]+$/)
})

it('what cannot be drawn is noticed by the test above', () => {
  expect(() => parseXml('<svg><g></svg>')).toThrow()
})

it.each([
  [{ from: 0, to: 1 }, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [{ from: 0, to: 12 }, [0, 5, 10]],
  [{ from: 3, to: 7 }, [3, 4, 5, 6, 7]],
  [{ from: 10, to: 1000, log: true }, [10, 30, 100, 300, 1000]],
])('the ticks of %j', (axis, ticks) => {
  expect(scaleOf({ label: '', ...axis }, 0, 100).ticks).toEqual(ticks)
})

it('a scale goes either way, and no further than its ends', () => {
  const up = scaleOf({ label: '', from: 0, to: 10 }, 100, 0)
  expect([up.at(0), up.at(5), up.at(20)]).toEqual([100, 50, 0])
  const log = scaleOf({ label: '', from: 1, to: 100, log: true }, 0, 100)
  expect([log.at(0), log.at(10), log.at(100)]).toEqual([0, 50, 100])
})
