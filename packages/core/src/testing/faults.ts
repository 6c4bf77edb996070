import type { Prediction } from './predict.ts'

/** A fault of a stub ML server, for every predict request. */
export type Fault = ConnectionFault | AnswerFault

/** A fault of the connection or of the computation, for every predict request. */
export type ConnectionFault =
  /** Connections are refused, as after the server was killed. Open connections are reset. */
  | 'refuse'
  /** The connection is reset after the head of the request. */
  | 'reset'
  /** The request is read but never answered. */
  | 'hang'
  /** The 500 of the ML server, for example when it cannot load a model. */
  | 'error'
  /** The answer arrives in ten pieces, 100 ms apart. */
  | 'slow-body'
  /** The connection is reset after half of the answer, as when the server is killed. */
  | 'half-response'
  /** Connections are accepted and nothing is answered, `/ping` and requests in flight included, like a suspended machine. */
  | 'freeze'

/** A wrong answer to predict requests. `everywhere` extends it to `/ping` and all other paths. */
export type AnswerFault =
  /**
   * A status without a prediction: 401, 404, 409, 530, … With `detail`, the body is FastAPI's JSON. Without it, the body is
   * the ML server's plain text for 500, and an HTML page like that of a proxy or tunnel for any other status.
   */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly detail?: unknown
      readonly everywhere?: boolean
    }
  /** 200 with an HTML login page, like a proxy that requires authentication. */
  | { readonly kind: 'login-page'; readonly everywhere?: boolean }
  /** 302 to `/login` of the same server, where the login page is. */
  | { readonly kind: 'redirect'; readonly everywhere?: boolean }
  /** 200 with this JSON instead of the results, such as `{}` or `{"clip":{"error":"missing image"}}`, like some ports. */
  | { readonly kind: 'json'; readonly value: unknown }
  /** 500 for each predict request beyond this many in computation, like a GPU whose memory is full. */
  | { readonly kind: 'memory'; readonly requests: number }
  /** 501 with FastAPI's JSON for these types, such as `clip/visual`. Other types work. */
  | { readonly kind: 'lacks'; readonly types: readonly string[] }

/** A response. */
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
 * @param origin The origin of this server, for redirects.
 * @returns `undefined` if the fault does not affect this prediction.
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
    case 'memory':
      return undefined
    case 'lacks': {
      const lacking = jobs.map(({ task, type }) => `${task}/${type}`).find((it) => fault.types.includes(it))
      return lacking === undefined ? undefined : jsonText(501, { detail: `${lacking} is not supported` })
    }
  }
}

/** @returns `undefined` if the fault does not affect `/ping` and other paths. */
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
