import { isRecord } from '../record.ts'
import { certificatesIn, privateKeyIn } from './pem.ts'
import { type ConfigProblem, formatPath, problem } from './problems.ts'

/** Conflicts between `url`, `headers`, `auth` and `tls` of a backend, which are not validated yet. */
export function connectionProblems(
  name: string,
  { url, headers, auth, tls }: Record<string, unknown>,
): ConfigProblem[] {
  const at = (...keys: string[]) => formatPath(['backends', name, ...keys])
  const base = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined
  const inUrl = base !== undefined && base.username + base.password !== ''
  const problems: ConfigProblem[] = []
  if (inUrl && auth !== undefined)
    problems.push(problem(at('auth'), 'conflicts with the user name and password in url; set one of them'))
  const seen = new Set<string>()
  for (const written of isRecord(headers) ? Object.keys(headers) : []) {
    const header = written.toLowerCase()
    if (seen.has(header)) problems.push(problem(at('headers', written), 'is set twice'))
    seen.add(header)
    if (header !== 'authorization' || !(inUrl || auth !== undefined)) continue
    const other = inUrl ? 'the user name and password in url' : 'auth'
    problems.push(problem(at('headers', written), `conflicts with ${other}; set one of them`))
  }
  if (tls === undefined) return problems
  if (base?.protocol === 'http:') problems.push(problem(at('tls'), 'needs a url that begins with https://'))
  return isRecord(tls) ? [...problems, ...pairProblems(tls, at)] : problems
}

function pairProblems(
  { cert, key }: Record<string, unknown>,
  at: (...keys: string[]) => string,
): ConfigProblem[] {
  if ((cert === undefined) !== (key === undefined)) {
    const [there, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key']
    return [problem(at('tls', there), `needs ${missing} as well`)]
  }
  if (typeof cert !== 'string' || typeof key !== 'string') return []
  const [certificate] = certificatesIn(cert)
  const own = privateKeyIn(key)
  if (certificate === undefined || typeof own === 'string' || certificate.checkPrivateKey(own)) return []
  return [problem(at('tls', 'key'), 'does not match cert; of several certificates, its own must be first')]
}
