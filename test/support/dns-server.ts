import dgram from 'node:dgram'
import { once } from 'node:events'
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, type Packet } from 'dns-packet'
import { onTestFinished } from 'vitest'

/** The records of a name, by type. */
export interface Zone {
  readonly A?: readonly string[]
  readonly AAAA?: readonly string[]
  readonly SRV?: readonly { target: string; port: number; priority: number; weight: number }[]
}

/** A DNS server on a free port of the loopback interface. A test can change its records at any time. */
export interface DnsServer {
  /** The address in the format of a resolver: `127.0.0.1:53535`. */
  readonly address: string
  /** The queries so far, oldest first: `A ml.test`. */
  readonly asked: string[]
  /** The names that exist. */
  zones: Readonly<Record<string, Zone>>
  /** TTL of every record, in seconds. */
  ttl: number
  /** While true, the server does not answer. */
  silent: boolean
}

/** Starts a DNS server and closes it after the test. */
export async function dnsServer(zones: DnsServer['zones'] = {}): Promise<DnsServer> {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  onTestFinished(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  const address = `127.0.0.1:${socket.address().port}`
  const server: DnsServer = { address, asked: [], zones, ttl: 60, silent: false }
  socket.on('message', (message, from) => {
    const response = answer(server, decode(message))
    if (!server.silent) socket.send(encode(response), from.port, from.address)
  })
  return server
}

const NXDOMAIN = 3

function answer(server: DnsServer, { id, questions = [] }: Packet): Packet {
  const [question] = questions
  const { name = '', type = 'A' } = question ?? {}
  server.asked.push(`${type} ${name}`)
  const zone = server.zones[name]
  return {
    type: 'response',
    ...(id === undefined ? {} : { id }),
    flags: AUTHORITATIVE_ANSWER | (zone === undefined ? NXDOMAIN : 0),
    questions,
    answers: zone === undefined ? [] : answersOf(zone, name, type, server.ttl),
  }
}

function answersOf(zone: Zone, name: string, type: string, ttl: number): Answer[] {
  if (type === 'A' || type === 'AAAA') return (zone[type] ?? []).map((data) => ({ type, name, ttl, data }))
  if (type === 'SRV') return (zone.SRV ?? []).map((data) => ({ type, name, ttl, data }))
  return []
}
