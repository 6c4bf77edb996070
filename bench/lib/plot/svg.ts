export type Attributes = Readonly<Record<string, string | number>>

/** An SVG element; children are markup, so text goes through {@link text}. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(inPixels(value))}"`)
  const start = `<${name}${pairs.join('')}`
  return children.length === 0 ? `${start}/>` : `${start}>${children.join('')}</${name}>`
}

export function text(content: string, attributes: Attributes): string {
  return element('text', attributes, escaped(content))
}

/** A tenth of a pixel is enough. */
function inPixels(value: string | number): string {
  return typeof value === 'number' ? String(Math.round(value * 10) / 10) : value
}

/** Text as markup. */
export function escaped(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
