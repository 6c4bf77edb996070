import { DOMParser, type Document } from '@xmldom/xmldom'

/** @throws {Error} for what is not well-formed. */
export function parseXml(svg: string): Document {
  const onError = (level: string, message: string) => {
    throw new Error(`${level}: ${message}`)
  }
  return new DOMParser({ onError }).parseFromString(svg, 'image/svg+xml')
}
