import { expect, it } from 'vitest'
import { parseCalls } from './system-calls.ts'

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
