import tty from 'node:tty'

const terminals = [0, 1, 2].filter((fd) => tty.isatty(fd))
let came = false

const note = () => {
  // The terminal was closed, so there is nothing to reload.
  if (!terminals.every((fd) => tty.isatty(fd))) endBySignal()
  came = true
}

function endBySignal(): void {
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}

/** Hands over to the gateway's own handler, once there is one. */
function handOver(event: string | symbol): void {
  if (event !== 'SIGHUP') return
  process.off('newListener', handOver)
  // The new handler is added after this event. Without any handler in between, a signal would end the process.
  setImmediate(() => {
    process.off('SIGHUP', note)
    if (!came) return
    note()
    process.emit('SIGHUP', 'SIGHUP')
  })
}

// A service manager may ask for a reload while the gateway starts. The gateway gets that signal after the start.
process.on('SIGHUP', note)
process.on('newListener', handOver)

/** For commands that do not handle the signal: it ends them, also if it came before this call. */
export function endOnHangUp(): void {
  process.off('newListener', handOver)
  if (came) endBySignal()
  else process.off('SIGHUP', note)
}
