import type { Prediction } from './predict.ts'

/** Breaks every predict request while it is set. */
export type Fault =
  /** Nothing listens, as after the server is killed. Open connections are reset. */
  | 'refuse'
  /** The connection is reset as soon as the request's header has arrived. */
  | 'reset'
  /** The request is read and never answered. */
  | 'hang'
  /** The ML server's own 500, as when a model cannot be loaded. */
  | 'error'
  /** The answer arrives in ten pieces, 100 ms apart. */
  | 'slow-body'
  /** Half of the answer arrives, then the connection is reset, as when the server is killed while it answers. */
  | 'half-response'

/** Answers predict requests wrongly while it is set. `everywhere` extends it to `/ping` and all other paths. */
export type AnswerFault =
  /**
   * A status without a prediction: 401, 404, 409, 530, … With `detail` the body is FastAPI's JSON. Without it, the body of a
   * 500 is the ML server's plain text, and that of any other status is an HTML page, as from a proxy or a tunnel.
   */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly detail?: unknown
      readonly everywhere?: boolean
    }
  /** 200 with an HTML login page, as from a proxy that asks for credentials. */
  | { readonly kind: 'login-page'; readonly everywhere?: boolean }
  /** 302 to `/login` of the same server, which answers 200 with the login page. */
  | { readonly kind: 'redirect'; readonly everywhere?: boolean }
  /** 200 with this JSON in place of the results: `{}` or `{"clip":{"error":"missing image"}}`, as some hardware ports do. */
  | { readonly kind: 'json'; readonly value: unknown }
  /** 501 with FastAPI's JSON for these types, such as `clip/visual`. Requests for other types work. */
  | { readonly kind: 'lacks'; readonly types: readonly string[] }

/** A response to write. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly contentType: string
  readonly body: string
}

export const INTERNAL_SERVER_ERROR: Answer = plainText('Internal Server Error', 500)
export const LOGIN_PATH = '/login'
export const LOGIN_PAGE: Answer = page(200, 'Sign in')

/**
 * @param origin Of the server that answers.
 * @returns `undefined` if the fault leaves this prediction alone.
 */
export function answerOf(
  fault: AnswerFault,
  origin: string,
  jobs: Prediction['jobs'] = [],
): Answer | undefined {
  switch (fault.kind) {
    case 'status':
      return statusAnswer(fault)
    case 'login-page':
      return LOGIN_PAGE
    case 'redirect':
      return { ...page(302, 'Found'), headers: { location: origin + LOGIN_PATH } }
    case 'json':
      return jsonText(200, fault.value)
    case 'lacks': {
      const lacking = jobs.map(({ task, type }) => `${task}/${type}`).find((it) => fault.types.includes(it))
      return lacking === undefined ? undefined : jsonText(501, { detail: `${lacking} is not supported` })
    }
  }
}

/** @returns `undefined` if the fault leaves `/ping` and other paths alone. */
export function answerEverywhere(fault: AnswerFault, origin: string): Answer | undefined {
  return 'everywhere' in fault && fault.everywhere ? answerOf(fault, origin) : undefined
}

export function jsonText(status: number, value: unknown): Answer {
  return { status, contentType: 'application/json', body: JSON.stringify(value) }
}

export function plainText(body: string, status = 200): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body }
}

function statusAnswer({ status, detail }: Extract<AnswerFault, { kind: 'status' }>): Answer {
  if (detail !== undefined) return jsonText(status, { detail })
  if (status === 500) return INTERNAL_SERVER_ERROR
  const answer = page(status, `Error ${status}`)
  return status === 401 ? { ...answer, headers: { 'www-authenticate': 'Basic realm="ml"' } } : answer
}

function page(status: number, title: string): Answer {
  const body = `<!doctype html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`
  return { status, contentType: 'text/html; charset=utf-8', body }
}
