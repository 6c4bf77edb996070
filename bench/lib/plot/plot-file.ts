import type { PlotFile } from '../report.ts'
import { type Chart, drawChart } from './chart.ts'

/** A chart but for its title. */
export type Drawing = Omit<Chart, 'title'>

/** @returns `undefined` for what has no panel. */
export function plotFile(name: string, title: string, drawing: Drawing): PlotFile | undefined {
  return drawing.panels.length === 0 ? undefined : { name, title, svg: drawChart({ title, ...drawing }) }
}
