import type { ConfigProblem } from '@immich-ml-router/core'
import { problemText } from '@immich-ml-router/core/parts'
import { type Document, LineCounter, parseDocument } from 'yaml'
import { ConfigFileError, type FileMistake } from './config-file-error.ts'
import { excerptOf, type Visible } from './excerpt.ts'
import { Positions } from './positions.ts'
import {
  duplicateKeys,
  hasOnlyDuplicates,
  misreadValues,
  type SyntaxMistake,
  syntaxMistakes,
} from './syntax-mistakes.ts'
import { visibleIn } from './syntax-visible.ts'
import { type Token, tokensOf } from './tokens.ts'

const EMPTY = 'the file is empty; write at least "backends: { gpu: { url: http://gpu:3003 } }"'

/** The text of a configuration file, in YAML or JSON. It knows where each option is. */
export class ConfigText {
  /** The configuration that it says. */
  readonly data: unknown
  readonly #path: string
  readonly #text: string
  readonly #lines = new LineCounter()
  readonly #positions: Positions
  #tokens: readonly Token[] | undefined

  /**
   * @param path The file, for messages.
   * @throws {ConfigFileError} if the text is not valid YAML.
   */
  constructor(path: string, text: string) {
    this.#path = path
    this.#text = text
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, logLevel: 'error' })
    this.data = this.#read(document)
    this.#positions = new Positions(text, document, true)
    if (this.data === null) throw this.#error([{ offset: 0, words: EMPTY }], new Map())
  }

  /** A problem with its place in the file. */
  locate(problem: ConfigProblem): FileMistake {
    const { visible } = this.#positions
    const offset = this.#positions.offsetOf(problem.path)
    if (!this.#positions.isBare(problem.path)) return this.#at(offset, problemText(problem), visible)
    const message =
      'has a text without a colon behind a comma; put a value with a comma in it in quotes, or remove the text'
    return this.#at(offset, problemText({ path: this.#positions.parentOf(problem.path), message }), visible)
  }

  #read(document: Document): unknown {
    if (hasOnlyDuplicates(document)) {
      const positions = new Positions(this.#text, document, false)
      throw this.#error(duplicateKeys(document, positions, this.#text), positions.visible)
    }
    if (document.errors.length + document.warnings.length > 0 || misreadValues(document).length > 0) {
      const visible = visibleIn(this.#tokenList())
      const mistakes = syntaxMistakes(document, { text: this.#text, tokens: this.#tokenList(), visible })
      throw this.#error(mistakes, visible)
    }
    try {
      return document.toJS()
    } catch {
      throw new Error(`${this.#path} has too many aliases (*); write out some of them.`)
    }
  }

  #error(mistakes: readonly SyntaxMistake[], visible: Visible): ConfigFileError {
    const located = mistakes.map(({ offset, words }) => this.#at(offset, `${words}.`, visible))
    return new ConfigFileError(this.#path, located)
  }

  #at(offset: number, words: string, visible: Visible): FileMistake {
    const { line, col } = this.#lines.linePos(offset)
    return {
      line,
      column: col,
      text: `${this.#path}:${line}:${col}: ${words}`,
      excerpt: excerptOf(this.#text, this.#tokenList(), offset, { visible, line }),
    }
  }

  #tokenList(): readonly Token[] {
    this.#tokens ??= tokensOf(this.#text)
    return this.#tokens
  }
}
