import { expect, it } from 'vitest'
import { diff, diffOptions, type WrittenPolicy } from './changes.ts'

const before: WrittenPolicy = {
  backends: { gpu: { url: 'http://gpu' }, nas: { url: 'http://nas' }, mac: { url: 'http://mac' } },
  routes: [
    { name: 'text', match: { input: 'text' }, backends: ['gpu'] },
    { name: 'image', match: { input: 'image' }, backends: ['gpu'] },
    { name: 'default', backends: ['nas'] },
  ],
  retries: 1,
}

it('is nothing when nothing differs', () => {
  expect(diff(before, structuredClone(before), [])).toEqual({
    backends: { added: [], removed: [], changed: [], replaced: [] },
    routes: { added: [], removed: [], changed: [], reordered: false },
    options: [],
  })
})

it('names what is added, removed, changed and replaced', () => {
  const after: WrittenPolicy = {
    backends: {
      gpu: { url: 'http://other' },
      nas: { url: 'http://nas', weight: 2 },
      new: { url: 'http://new' },
    },
    routes: [
      { name: 'faces', match: { type: 'detection' }, backends: ['gpu'] },
      { name: 'image', match: { input: 'image' }, backends: ['nas'] },
      { name: 'default', backends: ['nas'] },
    ],
    timeouts: { idle: '1s' },
  }
  expect(diff(before, after, ['gpu'])).toEqual({
    backends: { added: ['new'], removed: ['mac'], changed: ['nas'], replaced: ['gpu'] },
    routes: { added: ['faces'], removed: ['text'], changed: ['image'], reordered: false },
    options: ['retries', 'timeouts'],
  })
})

it('tells another order of routes, whatever was added between them', () => {
  const [text, image, rest] = before.routes
  const routes = [image, { name: 'new', match: {}, backends: ['gpu'] }, text, rest].flatMap((it) => it ?? [])
  expect(diff(before, { ...before, routes }, []).routes).toEqual({
    added: ['new'],
    removed: [],
    changed: [],
    reordered: true,
  })
})

it('compares routes of one name together', () => {
  const [text, image, rest] = before.routes
  const routes = [image, image, text, rest].flatMap((it) => it ?? [])
  expect(diff(before, { ...before, routes }, []).routes.changed).toEqual(['image'])
})

it('does not count an option that is undefined', () => {
  expect(diffOptions({ a: 1, b: undefined, c: [1] }, { a: undefined, c: [1], d: 2 })).toEqual(['a', 'd'])
})
