import { expect, it } from 'vitest'
import { parseCpuTime, parseMemory } from './system.ts'

it('CPU time is user and system time, whatever the program is called', () => {
  const behind = 'R 1 2 3 0 -1 4194304 900 0 1 0 250 130 7 8 20 0 11 0 100 4096 200'
  expect(parseCpuTime(`42 (node) ${behind}`)).toBe(3.8)
  expect(parseCpuTime(`42 (a (b) 1 2 c) ${behind}`)).toBe(3.8)
})

it('memory is what there is, and the most that there was', () => {
  const status = 'Name:\tnode\nVmPeak:\t  999999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t11\n'
  expect(parseMemory(status)).toEqual({ rss: 1024 * 1024, peak: 2048 * 1024 })
})
