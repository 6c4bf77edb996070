import { expect, it } from 'vitest'
import type { QueueView } from '../src/wire.ts'
import { formatFor } from './format.ts'
import { lineOf } from './queue-words.ts'

const idle: QueueView = { name: 'smartSearch', remaining: 0, active: 0, lost: 0 }

it.each<[QueueView, string]>([
  [idle, 'Smart search: nothing left'],
  [
    { ...idle, remaining: 1_240, active: 2, expectedEnd: 7_500_000 },
    'Smart search: 1,240 left; done in about 2 h 5 min',
  ],
  [
    { ...idle, name: 'ocr', remaining: 9, pausedBy: 'router', lost: 3 },
    'Text recognition (OCR): 9 left; paused by the router until a backend works; 3 lost, queued again once the backends work',
  ],
  [{ ...idle, name: 'faceDetection', pausedBy: 'user' }, 'Faces: nothing left; paused in Immich'],
])('%j is shown in words', (queue, words) => {
  expect(lineOf(queue, 0, formatFor('en')).replaceAll('\u202f', ' ')).toBe(words)
})
