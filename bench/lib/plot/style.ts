/** Colours of the series, for a light and for a dark page: pairs that keep apart and are read on either ground. */
const COLOURS = [
  ['#0969da', '#58a6ff'],
  ['#bc4c00', '#f0883e'],
  ['#1a7f37', '#3fb950'],
  ['#8250df', '#bc8cff'],
  ['#6e7781', '#8b949e'],
  ['#bf3989', '#f778ba'],
  ['#9a6700', '#d29922'],
  ['#1b7c83', '#39c5cf'],
] as const

/** Classes `stroke0`, `fill0` and so on, by the number of the colour. */
export function stroke(colour: number): string {
  return `stroke${colour % COLOURS.length}`
}

export function fill(colour: number): string {
  return `fill${colour % COLOURS.length}`
}

/** The plot follows the reader's system, and brings its own ground, so that it can be read on any page. */
export const STYLE = [
  'text{font:12px system-ui,sans-serif;paint-order:stroke;stroke-width:3px;stroke-linejoin:round}.title{font-size:15px;font-weight:600}.panel{font-weight:600}.small{font-size:11px}',
  '.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.dashed{stroke-dasharray:5 4}',
  '.grid{stroke-width:.6}.rule{stroke-width:1.2;stroke-dasharray:3 3}.band{opacity:.12}',
  theme('#ffffff', '#1f2328', '#59636e', '#d1d9e0', 0),
  `@media (prefers-color-scheme:dark){${theme('#0d1117', '#f0f6fc', '#9198a1', '#3d444d', 1)}}`,
].join('')

function theme(ground: string, ink: string, soft: string, grid: string, column: 0 | 1): string {
  const series = COLOURS.map(
    (pair, i) => `.stroke${i}{stroke:${pair[column]}}.fill${i}{fill:${pair[column]}}`,
  )
  return (
    `.ground{fill:${ground}}text{fill:${ink};stroke:${ground}}.soft{fill:${soft}}.grid{stroke:${grid}}` +
    `.rule{stroke:${ink}}.band{fill:${soft}}${series.join('')}`
  )
}
