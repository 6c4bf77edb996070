import { expect, it } from 'vitest'
import { type Bars, drawPlot, type Lines } from './plot.ts'

const bars: Bars = {
  title: 'shares',
  x: { label: 'share', from: 0, to: 1 },
  series: ['idle', 'busy'],
  rows: [{ label: 'peak-ewma <"auto"> & more', values: [0.5, undefined] }],
  rule: 0.9,
  digits: 2,
}
const lines: Lines = {
  title: 'limits',
  x: { label: 'ms', from: 10, to: 1000, log: true },
  y: { label: 'limit', from: 0, to: 8 },
  lines: [
    {
      name: 'gpu',
      points: [
        [10, 1],
        [500, 4],
      ],
      stepped: true,
    },
  ],
  band: { from: 20, to: 50, label: 'GPU slow' },
}

it('draws bars with their values, labels and legend', () => {
  const svg = drawPlot('a.svg', 'Shares', 1, [bars])?.svg ?? ''
  for (const text of ['Shares', 'idle', 'busy', '0.50', 'peak-ewma &lt;&quot;auto&quot;&gt; &amp; more'])
    expect(svg).toContain(`>${text}</text>`)
})

it('draws lines and a band', () => {
  const svg = drawPlot('b.svg', 'Limits', 2, [lines, lines])?.svg ?? ''
  expect(svg.match(/>GPU slow</g)).toHaveLength(2)
  expect(svg).toMatch(/<path d="M[^"]+" fill="none" stroke="#0969da"/)
})

it('is the same every time, dark on dark pages, and has nothing for a pointer', () => {
  const svg = drawPlot('a.svg', 'Shares', 1, [bars])?.svg ?? ''
  expect(drawPlot('a.svg', 'Shares', 1, [bars])?.svg).toBe(svg)
  expect(svg).toContain('@media(prefers-color-scheme:dark){[fill="#ffffff"]{fill:#0d1117}')
  expect(svg).not.toMatch(/hover|ecmeta|cursor/)
})

it('draws nothing without panels', () => {
  expect(drawPlot('a.svg', 'Nothing', 1, [])).toBeUndefined()
})
