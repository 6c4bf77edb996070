import type { Format } from '../format.ts'
import type { Tone } from '../words.ts'

/** What a plot draws: equally long buckets, and what happened between them. */
export interface Timeline {
  /** For example `15 minutes`, for sentences. */
  readonly name: string
  /** Start of each bucket as `Date.now()`, oldest first. */
  readonly starts: readonly number[]
  /** Length of a bucket in milliseconds. */
  readonly step: number
  readonly marks: readonly PlotMark[]
}

/** An event in words, with the tone that gives it a shape and a colour. */
export interface PlotMark {
  /** As `Date.now()`. */
  readonly at: number
  readonly tone: Tone
  readonly text: string
}

/** One line or one layer of bars. */
export interface PlotLine {
  readonly key: string
  readonly name: string
  /** The name of a custom property without its dashes. */
  readonly colour: string
  /** Only for lines: lines differ by more than their colour. */
  readonly dash?: readonly number[] | undefined
  /** Only for bars: drawn with stripes. */
  readonly isStriped?: boolean | undefined
  /** One value a bucket; `null` draws nothing. */
  readonly values: readonly (number | null)[]
  /** The lower edge of the band that ends at `values`. */
  readonly low?: readonly (number | null)[] | undefined
  /** The value of a bucket in words. */
  at(bucket: number): string
  /** The value of the whole time in words. */
  readonly sum: string
}

/** The kind of a plot. */
export interface Chart {
  readonly title: string
  readonly unit: string
  /** `bars` are stacked in the order of the lines. */
  readonly look: 'bars' | 'lines'
  /** `share`: from 0 to 1. */
  readonly scale: 'linear' | 'share' | 'logarithmic'
  label(value: number, format: Format): string
}

/** A chart with its values. */
export interface Plotted {
  readonly timeline: Timeline
  readonly lines: readonly PlotLine[]
  readonly format: Format
  /** Describes the plot in a sentence, for screen readers. */
  readonly summary: string
}

/** The marks in one bucket. */
export function marksIn({ marks, starts, step }: Timeline, bucket: number): PlotMark[] {
  const start = starts[bucket] ?? 0
  return marks.filter(({ at }) => at >= start && at < start + step)
}
