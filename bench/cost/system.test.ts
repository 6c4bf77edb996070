import { expect, it } from 'vitest'
import { parseCalls, parseCpuTime, parseMemory } from './system.ts'

it('CPU time is user and system time, whatever the program is called', () => {
  const behind = 'R 1 2 3 0 -1 4194304 900 0 1 0 250 130 7 8 20 0 11 0 100 4096 200'
  expect(parseCpuTime(`42 (node) ${behind}`)).toBe(3.8)
  expect(parseCpuTime(`42 (a (b) 1 2 c) ${behind}`)).toBe(3.8)
})

it('memory is what there is, and the most that there was', () => {
  const status = 'Name:\tnode\nVmPeak:\t  999999 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t11\n'
  expect(parseMemory(status)).toEqual({ rss: 1024 * 1024, peak: 2048 * 1024 })
})

it('what calls have returned is added up, also where threads interrupt each other', () => {
  const said = `strace: Process 7 attached with 3 threads
[pid     7] recvfrom(9, ""..., 65536, 0, NULL, NULL) = 500
[pid     7] read(9,  <unfinished ...>
[pid     8] write(4, ""..., 8) = 8
[pid     7] <... read resumed>""..., 65536) = 1000
[pid     7] recvfrom(9, 0x55, 65536, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
[pid     7] writev(10, [{iov_base=""..., iov_len=300}, {iov_base=""..., iov_len=1200}], 2) = 1500
writev(10, [{iov_base=""..., iov_len=1}], 1) = 1
strace: Process 7 detached
`
  expect(parseCalls(said)).toEqual({ read: 1500, written: 1509 })
})

it('of nothing it is nothing', () => {
  expect(parseCalls('strace: Process 7 attached\n')).toEqual({ read: 0, written: 0 })
})
