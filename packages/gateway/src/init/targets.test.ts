import { describe, expect, it } from 'vitest'
import { macMistake, readTargets, urlMistake } from './targets.ts'

describe('the servers of a command line', () => {
  it('have names and complete URLs', () => {
    const urls = [
      'gpu:3003',
      'https://ml.example/',
      'http://192.168.1.20:3003/predict',
      'http://ml.other:1/base/ping/',
    ]
    expect(readTargets(urls, { name: ['best'] })).toEqual([
      { name: 'best', url: 'http://gpu:3003', sleeps: false, mac: undefined },
      { name: 'ml', url: 'https://ml.example', sleeps: false, mac: undefined },
      { name: 'ml-2', url: 'http://192.168.1.20:3003', sleeps: false, mac: undefined },
      { name: 'ml-3', url: 'http://ml.other:1/base', sleeps: false, mac: undefined },
    ])
  })

  it('sleep by name or URL, and all with a MAC address do', () => {
    const sleeping = (options: Parameters<typeof readTargets>[1]) =>
      readTargets(['gpu:3003', 'nas'], options).flatMap(({ name, sleeps, mac }) =>
        sleeps ? [[name, mac]] : [],
      )
    expect(sleeping({ sleeps: ['http://gpu:3003/'] })).toEqual([['gpu', undefined]])
    expect(sleeping({ mac: ['nas=aa:bb:cc:dd:ee:ff'] })).toEqual([['nas', 'aa:bb:cc:dd:ee:ff']])
    expect(sleeping({ sleeps: ['nas'], mac: ['aa:bb:cc:dd:ee:ff'] })).toEqual([['nas', 'aa:bb:cc:dd:ee:ff']])
  })

  it.each<[string[], Parameters<typeof readTargets>[1], string]>([
    [['ftp://gpu'], {}, 'ftp://gpu: the URL must begin with http'],
    [['http://me:s3cret@gpu?x'], {}, 'http://gpu/?x: the URL must have no query'],
    [['gpu:1', 'http://gpu:1/predict'], {}, 'http://gpu:1 is given twice'],
    [['gpu'], { sleeps: ['nas'] }, '--sleeps nas: no backend has this name or URL; there are gpu'],
    [
      ['gpu', 'nas'],
      { mac: ['aa:bb:cc:dd:ee:ff'] },
      '--mac aa:bb:cc:dd:ee:ff: name its backend, as in gpu=aa:bb:cc:dd:ee:ff',
    ],
    [['gpu'], { mac: ['gpu=1'] }, 'gpu: must be a MAC address'],
    [['gpu'], { name: ['a', 'b'] }, '--name is given 2 times, but there are 1 URLs'],
    [['gpu', 'nas'], { name: ['a', 'a'] }, '--name a is given twice'],
    [['gpu'], { name: ['a b'] }, 'a b: must be letters'],
  ])('%j with %j is refused', (urls, options, message) => {
    expect(() => readTargets(urls, options)).toThrow(message)
  })

  it('can be checked one by one', () => {
    expect([urlMistake('gpu:3003'), macMistake('aa-bb-cc-dd-ee-ff')]).toEqual([undefined, undefined])
    expect(urlMistake('http://a b')).toContain('must be a URL')
    expect(macMistake('aa')).toContain('must be a MAC address')
  })
})
