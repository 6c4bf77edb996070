/** Resolves the colours of the style sheet for a canvas, which knows neither custom properties nor `light-dark()`. */
export class Colours {
  readonly #probe: HTMLElement

  /** @param probe An element without text, so its colour is invisible. */
  constructor(probe: HTMLElement) {
    this.#probe = probe
  }

  /** @param name A custom property without its dashes. */
  of(name: string): string {
    this.#probe.style.color = `var(--${name})`
    return getComputedStyle(this.#probe).color
  }

  /** The same colour, less opaque. */
  faint(name: string, opacity: number): string {
    this.#probe.style.color = `color-mix(in srgb, var(--${name}) ${opacity * 100}%, transparent)`
    return getComputedStyle(this.#probe).color
  }

  /** Diagonal stripes, so that a bar differs by more than its colour. */
  striped(name: string, context: CanvasRenderingContext2D): CanvasPattern | string {
    const colour = this.of(name)
    const size = Math.round(5 * devicePixelRatio)
    const tile = new OffscreenCanvas(size, size)
    const pen = tile.getContext('2d')
    if (pen === null) return colour
    pen.fillStyle = this.faint(name, 0.45)
    pen.fillRect(0, 0, size, size)
    pen.strokeStyle = colour
    pen.lineWidth = size / 2.6
    // The corners repeat the line, so that tiles meet without a seam.
    for (const shift of [-size, 0, size]) {
      pen.beginPath()
      pen.moveTo(shift, size)
      pen.lineTo(shift + size, 0)
      pen.stroke()
    }
    return context.createPattern(tile, 'repeat') ?? colour
  }
}
