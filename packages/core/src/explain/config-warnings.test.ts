import { describe, expect, it } from 'vitest'
import { parseConfig } from '../config/parse.ts'
import type { Match, Route, RouterConfig } from '../config/policy.ts'
import { problemText } from '../config/problems.ts'
import { configWarnings } from './config-warnings.ts'

const three = { gpu: { url: 'http://gpu' }, mac: { url: 'http://mac' }, nas: { url: 'http://nas' } }

function warnings(config: object): string[] {
  return configWarnings(parseConfig({ backends: three, ...config })).map(problemText)
}

/** The warnings of a policy whose routes have these matches. */
function warningsOf(...matches: Match[]): string[] {
  const routes: Route[] = matches.map((match) => ({ match, backends: ['gpu'] }))
  return warnings({ backends: { gpu: three.gpu }, routes: [...routes, { backends: ['gpu'] }] })
}

it('without canaries, warns of options that need them', () => {
  const options = { agreement: 'exclude', routes: [{ backends: ['gpu', 'mac', 'nas'], keepWarm: '4m' }] }
  expect(warnings({ ...options, canary: false })).toEqual([
    'agreement has no effect with canary: false.',
    'routes[0].keepWarm has no effect with canary: false.',
  ])
  expect(warnings(options)).toEqual([])
})

describe('a backend', () => {
  it.each<[Partial<RouterConfig>, string[]]>([
    [{}, []],
    [
      { backends: { a: { url: 'http://a', unclassified: true } } },
      [
        'backends.a.unclassified has no effect without tasks, because the backend takes every request; remove it.',
      ],
    ],
    [
      { backends: { a: { url: 'https://a', tls: { insecure: true } } } },
      [
        'backends.a.tls.insecure accepts any certificate, so anyone on the network path can read and change everything; set tls.ca instead.',
      ],
    ],
    [
      { backends: { a: { url: 'http://u:p@a' }, 'b.c': { url: 'HTTP://b', auth: { bearer: 't' } } } },
      ['backends.a', 'backends["b.c"]'].map(
        (path) =>
          `${path}.url is http, so anyone on the network path can read the credentials; use https, or remove them.`,
      ),
    ],
    [
      { backends: { a: { url: 'http://a/' }, b: { url: 'http://A:80' }, c: { url: 'http://a/ml' } } },
      [
        'backends.b.url is also the URL of a, so one ML server gets the requests of two; remove one of the backends, or correct its URL.',
      ],
    ],
    [
      { routes: [{ backends: ['gpu', 'nas'] }] },
      ['backends.mac is not in the backends of any route; add it to one, or remove it.'],
    ],
  ])('%j', (config, lines) => {
    expect(warnings(config)).toEqual(lines)
  })
})

describe('tasks that no backend serves', () => {
  it('are told of the backends, where there are no routes', () => {
    expect(warnings({ backends: { a: { url: 'http://a', tasks: ['transcription'] } } })).toEqual([
      'backends has no backend that serves clip/textual; add clip to the tasks of one.',
      'backends has no backend that serves clip/visual; add clip to the tasks of one.',
      'backends has no backend that serves facial-recognition; add facial-recognition to the tasks of one.',
      'backends has no backend that serves ocr; add ocr to the tasks of one.',
      'backends has no backend that takes unclassified requests; set unclassified: true on one, or onUnclassified: reject.',
    ])
  })

  it('are told of the route', () => {
    const config = {
      backends: { a: { url: 'http://a', tasks: ['clip', 'facial-recognition'] }, b: { url: 'http://b' } },
      routes: [
        { match: { task: 'clip' }, backends: ['a'] },
        { match: { input: 'image', model: 'large-*' }, backends: ['a'] },
        { backends: ['b'] },
      ],
    }
    expect(warnings(config)).toEqual([
      'routes[1] has no backend that serves ocr; add ocr to the tasks of one.',
    ])
  })

  it('are told of routes by header and path', () => {
    const config = {
      backends: { a: { url: 'http://a', tasks: ['clip'] }, b: { url: 'http://b' } },
      routes: [
        { match: { header: { 'x-tenant': 'family' } }, backends: ['a'] },
        { match: { task: 'clip', path: ['/home/predict', '/office/*'] }, backends: ['b'] },
        { match: { path: '/family/*' }, backends: ['b'] },
        { backends: ['b'] },
      ],
      path: ['/', '/family'],
    }
    expect(warnings(config)).toEqual([
      'routes[0] has no backend that serves facial-recognition; add facial-recognition to the tasks of one.',
      'routes[0] has no backend that serves ocr; add ocr to the tasks of one.',
      'routes[1].match.path is /home/predict or /office/*, but the router answers only /predict and /family/predict; set path, unless a framework mounts the router there.',
      'routes[0] has no backend that takes unclassified requests; set unclassified: true on one, or onUnclassified: reject.',
    ])
  })
})

describe('an order', () => {
  const ordered = (tiers: Record<string, number>, strategy = 'first') =>
    warnings({
      backends: Object.fromEntries(
        Object.entries(three).map(([name, it]) => [
          name,
          { ...it, ...(tiers[name] && { tier: tiers[name] }) },
        ]),
      ),
      routes: [{ backends: ['gpu', 'mac', 'nas'], strategy }],
    })

  it('that tiers override', () => {
    expect(ordered({ mac: 3, nas: 2 })).toEqual([
      'routes[0].backends lists mac (tier 3) before nas (tier 2), but a lower tier comes first: nas is used before mac; list them by tier, or remove tier.',
    ])
  })

  it('that they leave alone', () => {
    expect([ordered({ nas: 2 }), ordered({ gpu: 2 }, 'peak-ewma')]).toEqual([[], []])
  })
})

describe('a name', () => {
  const unknown = (member: string, name: string, what: string, near: string) =>
    `routes[0].match.${member} is "${name}", a ${what} that Immich never sends. Did you mean "${near}"?`

  it.each<[Match, string[]]>([
    ...['faces', 'Face', 'face-recognition', 'facial_recognition', 'facialRecognition', 'face-detection'].map(
      (task): [Match, string[]] => [{ task }, [unknown('task', task, 'task', 'facial-recognition')]],
    ),
    ...['CLIP', 'clp', 'smart-search'].map((task): [Match, string[]] => [
      { task },
      [unknown('task', task, 'task', 'clip')],
    ]),
    [{ task: 'OCR' }, [unknown('task', 'OCR', 'task', 'ocr')]],
    [{ task: ['ocr', 'face*'] }, [unknown('task[1]', 'face*', 'task', 'facial-recognition')]],
    [
      { task: 'nothing' },
      [
        'routes[0].match.task is "nothing", a task that Immich never sends; its tasks are clip, facial-recognition, ocr.',
      ],
    ],
    [{ task: 'clip', type: 'text' }, [unknown('type', 'text', 'type', 'textual')]],
    [{ task: 'clip', type: 'image' }, [unknown('type', 'image', 'type', 'visual')]],
    [
      { type: 'other' },
      [
        'routes[0].match.type is "other", a type that Immich never sends; its types are textual, visual, detection, recognition.',
      ],
    ],
    [{ task: 'c*', type: '*al' }, []],
    [{ task: 'transcription', type: 'whisper' }, []],
    [
      { task: 'clip', type: 'detection' },
      [
        "routes[0].match matches none of Immich's jobs; it can be clip with type textual and input text, or clip with type visual and input image.",
      ],
    ],
  ])('of a task or type: %j', (match, lines) => {
    expect(warningsOf(match)).toEqual(lines)
  })

  it.each<[string, string | undefined]>([
    ['ViT-B-32__openai', undefined],
    ['ViT-*', undefined],
    ['*SigLIP2*', undefined],
    ['vit-*', 'ViT-*'],
    ['*siglip2*', 'ViT-B-16-SigLIP2__webli'],
    ['x*', undefined],
    ['ViT-B-32', 'ViT-B-32__*'],
    ['ViT-B-32-openai', 'ViT-B-32__openai'],
    ['ViT-B-32/openai', 'ViT-B-32__openai'],
    ['ViT-B-32__opnai', 'ViT-B-32__openai'],
    ['bufalo_l', 'buffalo_l'],
    ['buffalo-l', 'buffalo_l'],
    ['PP-OCRv6_mobile', undefined],
    ['ViT-B-16-SigLIP3__webli', undefined],
    ['my-own-model', undefined],
    ['m', undefined],
    ['_', undefined],
    ['__proto__', undefined],
  ])('of a model: %s', (model, near) => {
    const message = `routes[0].match.model is "${model}", which is none of Immich's models. Did you mean "${near}"?`
    expect(warningsOf({ model })).toEqual(near === undefined ? [] : [message])
  })

  it('in the tasks of a backend', () => {
    const backends = { a: { url: 'http://a', tasks: ['clip', 'faces'] }, b: { url: 'http://b' } }
    expect(warnings({ backends })).toEqual([
      'backends.a.tasks[1] is "faces", a task that Immich never sends. Did you mean "facial-recognition"?',
    ])
  })
})

describe('a duration without a unit', () => {
  const bare = (path: string, value: number) =>
    `${path} is ${value} without a unit, which means ${value} milliseconds; write ${value}ms, ${value}s, ${value}m or ${value}h.`

  it.each<[object, [string, number][]]>([
    [{ hold: 12 }, [['hold', 12]]],
    [{ hold: { bulk: 12, interactive: '12s' } }, [['hold.bulk', 12]]],
    [
      { timeouts: { response: 600, connect: 2000 }, queue: { maxWait: 10 } },
      [
        ['timeouts.response', 600],
        ['queue.maxWait', 10],
      ],
    ],
    [
      { heartbeat: { after: 60 }, health: { interval: 5, rise: 2 } },
      [
        ['health.interval', 5],
        ['heartbeat.after', 60],
      ],
    ],
    [
      {
        routes: [
          { backends: ['gpu', 'mac', 'nas'], hedge: { after: 3 }, hold: 0.5, priority: 7, retries: 2 },
        ],
      },
      [
        ['routes[0].hold', 0.5],
        ['routes[0].hedge.after', 3],
      ],
    ],
    [
      {
        backends: {
          a: {
            url: 'http://a',
            wake: { mac: 'aa:bb:cc:dd:ee:ff', every: 30 },
            discover: { interval: 10 },
            weight: 3,
          },
        },
      },
      [
        ['backends.a.wake.every', 30],
        ['backends.a.discover.interval', 10],
      ],
    ],
    [{ hold: false, retries: 5, maxBodySize: 900, timeouts: { total: 'unlimited', idle: '5ms' } }, []],
  ])('%j', (config, found) => {
    expect(warnings(config).toSorted()).toEqual(found.map(([path, value]) => bare(path, value)).toSorted())
  })
})

describe('a route that gets no requests', () => {
  const shadowed = (index: number, by: string) =>
    `routes[${index}] gets no requests, because ${by} all of them first; move it up, or remove it.`

  it.each<[Match[], string[]]>([
    [[{ task: 'clip' }, { task: 'clip', type: 'textual' }], [shadowed(1, 'routes[0] takes')]],
    [[{ task: 'clip', type: 'textual' }, { task: 'clip' }], []],
    [
      [{}, { task: 'ocr' }, { input: 'text' }],
      [shadowed(1, 'routes[0] takes'), shadowed(2, 'routes[0] takes')],
    ],
    [[{ task: ['clip', 'ocr'] }, { task: 'ocr', model: 'PP*' }], [shadowed(1, 'routes[0] takes')]],
    [[{ task: 'clip' }, { task: ['clip', 'ocr'] }], []],
    [[{ model: 'ViT-*' }, { model: 'ViT-B-*' }], [shadowed(1, 'routes[0] takes')]],
    [[{ model: 'ViT-B-*' }, { model: 'ViT-*' }], []],
    [[{ task: '*', input: ['text', 'image'] }, { input: 'image' }], [shadowed(1, 'routes[0] takes')]],
    [[{ input: ['text', 'image'] }, { task: 'ocr', model: 'x*' }], [shadowed(1, 'routes[0] takes')]],
    [[{ input: ['text', 'image'] }, { model: 'x*' }], []],
    [[{ input: 'text' }, { task: 'clip', type: 'textual' }], [shadowed(1, 'routes[0] takes')]],
    [
      [{ task: 'clip', type: 'textual' }, { task: 'clip', type: 'visual' }, { task: 'clip' }],
      [shadowed(2, 'routes[0] and routes[1] take')],
    ],
    [[{ task: 'clip', model: 'ViT-*' }, { task: 'clip' }], []],
  ])('%j', (matches, lines) => {
    expect(warningsOf(...matches)).toEqual(lines)
  })

  const family = { header: { 'x-tenant': 'family' } }
  it.each<[Match[], string[]]>([
    [[{ ...family, task: 'clip' }, { task: 'clip' }], []],
    [[{ task: 'clip' }, { ...family, task: 'clip' }], [shadowed(1, 'routes[0] takes')]],
    [
      [
        { ...family, task: 'clip' },
        { ...family, task: 'clip', type: 'textual' },
      ],
      [shadowed(1, 'routes[0] takes')],
    ],
    [[family, { ...family, task: 'clip' }], [shadowed(1, 'routes[0] takes')]],
    [[{ header: { 'x-tenant': 'work' } }, family], []],
    // Unclassified requests are left for the second.
    [[{}, family], []],
    [[{ path: '/predict' }, { task: 'ocr' }], []],
  ])('by header and path: %j', (matches, lines) => {
    expect(warningsOf(...matches)).toEqual(lines)
  })

  it('has its name in the warning, and functions are not called', () => {
    const config: RouterConfig = {
      backends: { gpu: three.gpu },
      routes: [
        {
          match: () => {
            throw new Error('called')
          },
          backends: ['gpu'],
        },
        { name: 'all', match: {}, backends: ['gpu'] },
        {
          match: () => {
            throw new Error('called')
          },
          backends: ['gpu'],
        },
        { match: { task: 'ocr' }, backends: ['gpu'] },
        { backends: ['gpu'] },
      ],
    }
    expect(configWarnings(config).map(problemText)).toEqual([shadowed(3, 'routes[1] (all) takes')])
  })
})

it('a configuration that is not valid has no warnings but mistakes', () => {
  expect(() => configWarnings({ backends: { gpu: { url: 'gpu' } } })).toThrow('must be a URL')
})
