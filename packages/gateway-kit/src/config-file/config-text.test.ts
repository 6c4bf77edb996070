import { ConfigError, expandConfig, parseConfig } from '@immich-ml-router/core'
import { describe, expect, it } from 'vitest'
import { ConfigText } from './config-text.ts'

/** What a configuration file with this text is answered with; empty if it is valid. */
function mistakesIn(text: string): string {
  try {
    const file = new ConfigText('r.yaml', text)
    try {
      parseConfig(expandConfig(file.data, { env: {}, readFile: () => 's3cret' }))
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return error.problems
        .map((problem) => file.locate(problem))
        .map(({ text, excerpt }) => `${text}\n${excerpt}`)
        .join('\n')
    }
    return ''
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The excerpt of the only mistake. */
function excerptIn(text: string): string[] {
  return mistakesIn(text).split('\n').slice(-2)
}

describe('a place', () => {
  it.each<[what: string, text: string, place: string]>([
    ['a value that is wrong', 'backends: { a: { url: http://a } }\nretries: -1\n', '2:10'],
    ['a key that is no option', 'backends:\n  a:\n    url: http://a\n    wieght: 1\n', '4:5'],
    [
      'an item of a list',
      'backends: { a: { url: http://a } }\nroutes:\n  - backends:\n      - a\n      - b\n',
      '5:9',
    ],
    ['where a member is missing', 'backends:\n  a: { url: http://a }\n  b: {}\n', '3:3'],
    ['an object', 'backends: { a: { url: http://a, auth: {} } }\n', '1:33'],
    ['a name that needs quotes', 'backends:\n  "a b": { url: http://a }\n', '2:3'],
    ['a member behind an alias', 'backends:\n  a: &x { url: 1 }\n  b: *x\n', '2:16'],
    ['a whole file', '- a\n', '1:1'],
    ['an empty file', '', '1:1'],
    ['JSON', '{\n  "backends": {\n    "a": { "url": "http://a", "wieght": 2 }\n  }\n}\n', '3:31'],
    ['Windows line ends', 'backends:\r\n  a:\r\n    url: http://a\r\n    wieght: 1\r\n', '4:5'],
  ])('of %s', (_, text, place) => {
    expect(mistakesIn(text)).toContain(`r.yaml:${place}: `)
  })
})

describe('an excerpt', () => {
  it('has the line and a caret', () => {
    expect(excerptIn('backends: { a: { url: http://a } }\nretries: many # of them\n')).toEqual([
      '  2 | retries: many',
      '    |          ^',
    ])
  })

  it('has the caret below the place behind a secret', () => {
    const text =
      'backends: { a: { auth: { bearer: s3cret }, headers: { x-a: s3cret }, url: http://a, tier: x } }\n'
    const [line = '', caret = ''] = excerptIn(text)
    expect(line).toBe(
      '  1 | backends: { a: { auth: { bearer: *** }, headers: { x-a: *** }, url: http://a, tier: x } }',
    )
    expect(caret.indexOf('^')).toBe(line.indexOf('x } }'))
  })

  it('of a long line is cut', () => {
    const backends = Array.from({ length: 40 }, (_, index) => `b${index}: { url: http://b${index} }`)
    const [line = '', caret = ''] = excerptIn(
      `backends: { ${backends.join(', ')}, c: { url: 1 }, ${backends.join(', ').replaceAll('b', 'd')} }`,
    )
    expect(line.length).toBeLessThan(120)
    expect(line.slice(caret.indexOf('^') - 'url: '.length)).toMatch(/^url: 1 }/)
    expect(line).toMatch(/^ {2}1 \| ….*…$/)
  })

  it('has no control characters', () => {
    expect(excerptIn('backends: { a: { url: http://a } }\nbackendHeader: "a\u001b[31m\u0007b"\n')[0]).toBe(
      '  2 | backendHeader: "a?[31m?b"',
    )
  })
})

describe('aliases', () => {
  it('of aliases without end are refused in good time', () => {
    const levels = Array.from({ length: 30 }, (_, level) => {
      const item = level === 0 ? 'x' : `*a${level - 1}`
      return `a${level}: &a${level} [${Array.from({ length: 10 }, () => item).join(', ')}]`
    })
    const start = performance.now()
    expect(mistakesIn(levels.join('\n'))).toBe('r.yaml has too many aliases (*); write out some of them.')
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  it('that contain themselves are a mistake of the schema', () => {
    expect(mistakesIn('backends: &b\n  a: *b\n')).toContain('backends.a')
  })

  it('hide a value that is secret at one of its paths', () => {
    const text =
      'backends:\n  a: { url: &x "http://s3cret" }\n  b: { url: http://b, auth: { bearer: *x }, tier: 0 }\n  c: { url: *x, tier: 0 }\n'
    expect(mistakesIn(`${text}bodySpool: *x\nretries: *x\n`)).not.toContain('s3cret')
  })
})

const SECRETS = `backends:
  gpu:
    url: "http://s3user:s3pass@gpu:3003/ml?key=s3query" # s3comment
    auth: { basic: { username: s3name, password: "s3, word" } }
    headers: { x-key: 's3 header', x-other: s3other }
    tls: { key: |
      -----BEGIN s3pem
      s3: pem
    }
  mac:
    url: http://mac
    auth:
      bearer: s3bearer
    headers:
      x-tenant: >-
        s3 folded
        s3 value
      authorization: Bearer s3header
    pasword: s3unknown
    autth: { bearer: s3typo }
  nas: { url: \${NAS:-http://s3default@nas}, auth: { bearer: s3first }, tier: 0 }
token: s3token
routes:
  - backends: [gpu, mac, nas]
`

/** Every place takes a minute. A prime, so that it is in step with nothing. */
const STRIDE = 13

describe('no message shows a secret', () => {
  const found = (text: string) => /s3\w*/.exec(mistakesIn(text))?.[0]

  it('of a text with mistakes of the schema', () => {
    const text = SECRETS.replace('|\n      -----BEGIN s3pem\n      s3: pem\n    }', '"s3pem" }')
      .replace('${NAS', '"${NAS')
      .replace('nas},', 'nas}",')
    expect(mistakesIn(text)).toContain('backends.mac.pasword is not an option')
    expect(found(text)).toBeUndefined()
  })

  it('that is cut at any place', () => {
    for (let end = 0; end <= SECRETS.length; end += 2)
      expect([end, found(SECRETS.slice(0, end))]).toEqual([end, undefined])
  })

  it.each([
    '\t',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    ', ',
    ': ',
    '*',
    '&',
    '!',
    '|',
    '@',
    '\n',
    '\n- ',
    '#',
    '${',
    '%',
  ])('with %j at any place', (inserted) => {
    const cut = SECRETS.replace(/ {4}tls: (.|\n)*? {2}mac/, '  mac')
    for (const text of [SECRETS, cut])
      for (let at = inserted.charCodeAt(0) % STRIDE; at <= text.length; at += STRIDE)
        expect([at, found(`${text.slice(0, at)}${inserted}${text.slice(at)}`)]).toEqual([at, undefined])
  })

  it('with a comma in it, without quotes', () => {
    const text =
      'backends: { a: { url: http://a, auth: { bearer: s1, s3cret }, headers: { x: s1, s3cret } } }'
    const comma = 'has a text without a colon behind a comma'
    expect(mistakesIn(text)).toContain(`backends.a.auth ${comma}`)
    expect(mistakesIn(text)).toContain(`backends.a.headers ${comma}`)
    expect(found(text)).toBeUndefined()
  })

  it('with any character left out', () => {
    for (let at = 0; at < SECRETS.length; at += 2)
      expect([at, found(SECRETS.slice(0, at) + SECRETS.slice(at + 1))]).toEqual([at, undefined])
  })
})
