import type { BackendView } from '../src/wire.ts'
import type { Action, Actions } from './actions.ts'
import { h, List, setText, type View } from './dom.ts'
import type { Format } from './format.ts'
import { type Group, groupsOf } from './groups.ts'
import { Sign } from './icons.ts'
import type { Model } from './model.ts'
import { TrackHead, TrackStretch, widthOf } from './track.ts'
import { healthInWords, kindInWords, reasonInWords, STATES, UNAVAILABLE } from './words.ts'

/** A backend and its place on the traffic line. */
interface Station {
  readonly group: Group
  /** Share of the traffic; `undefined` without traffic. */
  readonly share: number | undefined
  /** Width of the line that continues to the backends below. */
  readonly through: number
  readonly model: Model
}

/** The backends along the traffic line, in the order of the configuration. */
export class Backends {
  readonly #head = new TrackHead()
  readonly #list: List<Station>

  constructor(container: Element, actions: Actions) {
    container.before(h('p', { class: 'source', 'aria-hidden': 'true' }, this.#head.element, 'From Immich'))
    this.#list = new List(
      container,
      ({ group }) => group.name,
      ({ group }) => new StationView(group.name, actions),
    )
  }

  update(model: Model): void {
    const stations: Station[] = []
    let through = 0
    for (const group of groupsOf(model.report.backends).reverse()) {
      const { share } = group.members[0].minute
      stations.unshift({ group, share, through, model })
      through += widthOf(share ?? 0)
    }
    this.#head.update(through)
    this.#list.update(stations)
  }
}

class StationView implements View<Station> {
  readonly #stretch = new TrackStretch()
  readonly #sign = new Sign('off')
  readonly #state = h('span', { class: 'state' })
  readonly #share = h('span')
  readonly #shareLine = h(
    'p',
    { class: 'share' },
    this.#share,
    h('span', { class: 'unseen' }, ' of the traffic'),
  )
  readonly #why = h('p', { class: 'why' })
  readonly #facts = h('p', { class: 'facts' })
  readonly #load = new Load()
  readonly #latencies = new Jobs()
  readonly #endpointList = h('ul', { class: 'endpoints' })
  readonly #endpoints = new List<Endpoint>(
    this.#endpointList,
    ({ backend }) => backend.endpoint ?? '',
    () => new EndpointView(),
  )
  readonly #buttons: Readonly<Record<Action, HTMLButtonElement>>
  readonly element: HTMLLIElement

  constructor(name: string, actions: Actions) {
    const button = (action: Action, label: string) => {
      const made = h('button', { type: 'button', 'aria-label': `${label} ${name}` }, label)
      made.addEventListener('click', () => actions.run(name, action))
      return made
    }
    this.#buttons = {
      wake: button('wake', 'Wake'),
      drain: button('drain', 'Drain'),
      enable: button('enable', 'Enable'),
    }
    const { wake, drain, enable } = this.#buttons
    this.element = h(
      'li',
      { class: 'station' },
      this.#stretch.element,
      h(
        'div',
        { class: 'head' },
        h('h3', {}, name),
        h('p', { class: 'health' }, this.#sign.element, this.#state),
        h('div', { class: 'buttons' }, wake, drain, enable),
      ),
      this.#shareLine,
      this.#why,
      this.#load.element,
      this.#latencies.element,
      this.#endpointList,
      this.#facts,
    )
  }

  update({ group, share, through, model }: Station): void {
    const { report, now, format } = model
    const { members, state } = group
    const [first] = members
    const { label, tone } = STATES[state]
    const hasEndpoints = first.endpoint !== undefined
    this.element.dataset['tone'] = tone
    this.#stretch.update({
      branch: widthOf(share ?? 0),
      through,
      isUsed: (share ?? 0) > 0,
      isClosed: UNAVAILABLE.has(state),
      tone,
    })
    this.#sign.show(tone)
    setText(this.#state, label)
    setText(this.#share, share === undefined ? '' : format.share(share))
    this.#shareLine.hidden = share === undefined
    setText(this.#why, whyOf(group, now, format))
    this.#why.hidden = this.#why.textContent === ''
    this.#load.update(members, format)
    this.#latencies.update(members, format)
    this.#endpoints.update(hasEndpoints ? members.map((backend) => ({ backend, now, format })) : [])
    this.#endpointList.hidden = !hasEndpoints
    setText(this.#facts, factsOf(members, now, format))
    const isDrained = state === 'drained'
    this.#buttons.drain.hidden = !report.actions || isDrained
    this.#buttons.enable.hidden = !report.actions || !isDrained
    this.#buttons.wake.hidden = !report.actions || !first.wakes
  }
}

/** The reason of a backend's state. Of several endpoints, each shows its own. */
function whyOf({ members, state }: Group, now: number, format: Format): string {
  const [first, ...others] = members
  const count = members.length
  if (first.endpoint === undefined) {
    const words = healthInWords(first, now, format)
    const count = first.queued + first.held
    const waiting = count > 0 ? `${format.count(count)} ${count === 1 ? 'request' : 'requests'} waiting` : ''
    const hope = state === 'asleep' ? 'The next request wakes it' : ''
    return [words, waiting, hope].flatMap((part) => (part === '' ? [] : `${part}.`)).join(' ')
  }
  const healthy = members.filter(({ health }) => health.state === 'healthy').length
  return others.length === 0
    ? ''
    : `${format.count(healthy)} of ${format.count(count)} endpoints are healthy.`
}

function factsOf(members: Group['members'], now: number, format: Format): string {
  const [{ url, tier, weight }] = members
  const failures = members.reduce((sum, { health }) => sum + health.failures, 0)
  const passed = members.reduce((sum, { canaries }) => sum + (canaries?.passed ?? 0), 0)
  const failed = members.reduce((sum, { canaries }) => sum + (canaries?.failed ?? 0), 0)
  const last = members.flatMap(({ health }) => health.lastError ?? []).sort((a, b) => b.at - a.at)[0]
  return [
    url,
    ...(tier === 1 ? [] : [`tier ${format.count(tier)}`]),
    ...(weight === 1 ? [] : [`weight ${format.rate(weight)}`]),
    ...(failures === 0 ? [] : [failures === 1 ? '1 failure' : `${format.count(failures)} failures`]),
    ...(last === undefined
      ? []
      : [`last ${format.duration(now - last.at)} ago (${reasonInWords(last.reason)})`]),
    ...(passed + failed === 0
      ? []
      : [`canaries: ${format.count(passed)} passed, ${format.count(failed)} failed`]),
  ].join(' · ')
}

/** The largest limit that is drawn as squares; a larger one is a bar. */
const MOST_SLOTS = 16

/** Requests in flight, and the concurrency limit. */
class Load {
  readonly #slots = h('span', { class: 'slots', 'aria-hidden': 'true' })
  readonly #text = h('span')
  readonly element = h('p', { class: 'load' }, this.#slots, this.#text)
  #shape = ''

  update(members: readonly BackendView[], format: Format): void {
    const inFlight = members.reduce((sum, member) => sum + member.inFlight, 0)
    const limits = members.map(({ limit }) => limit ?? Number.POSITIVE_INFINITY)
    const limit = limits.reduce((sum, each) => sum + each, 0)
    const isLimited = Number.isFinite(limit)
    const count = format.count(inFlight)
    setText(
      this.#text,
      isLimited ? `${count} of ${format.count(limit)} in flight` : `${count} in flight, no limit`,
    )
    this.#draw(inFlight, isLimited ? limit : undefined)
  }

  #draw(inFlight: number, limit: number | undefined): void {
    const shape = `${inFlight}/${limit}`
    if (shape === this.#shape) return
    this.#shape = shape
    // An urgent search may exceed the limit.
    const slots = Math.max(limit ?? 0, inFlight)
    // Without a limit, a bar has no full length.
    if (slots > MOST_SLOTS && limit === undefined) {
      this.#slots.replaceChildren()
      return
    }
    if (slots <= MOST_SLOTS) {
      this.#slots.replaceChildren(
        ...Array.from({ length: slots }, (_, i) => {
          const slot = h('i')
          if (i < inFlight) slot.className = limit !== undefined && i >= limit ? 'used beyond' : 'used'
          return slot
        }),
      )
      return
    }
    const bar = h('b')
    bar.style.inlineSize = `${(100 * inFlight) / slots}%`
    this.#slots.replaceChildren(h('span', { class: 'bar' }, bar))
  }
}

const MOST_JOBS = 8

/** The latency of each kind of job. */
class Jobs {
  readonly element = h('dl', { class: 'jobs' })
  #shown = ''

  update(members: readonly BackendView[], format: Format): void {
    const times = new Map<string, number[]>()
    for (const { latencies } of members)
      for (const [kind, time] of Object.entries(latencies))
        times.set(kind, [...(times.get(kind) ?? []), time])
    const rows = [...times]
      .slice(-MOST_JOBS)
      .map(([kind, all]) => ({
        ...kindInWords(kind),
        time: all.reduce((sum, time) => sum + time, 0) / all.length,
      }))
      .sort((a, b) => a.time - b.time)
    const texts = rows.map(({ name, models, time }) => [name, models, format.duration(time)] as const)
    const shown = JSON.stringify(texts)
    if (shown === this.#shown) return
    this.#shown = shown
    this.element.hidden = texts.length === 0
    this.element.replaceChildren(
      ...texts.map(([name, models, time]) =>
        h('div', {}, h('dt', {}, name, ' ', h('small', {}, models)), h('dd', {}, time)),
      ),
    )
  }
}

interface Endpoint {
  readonly backend: BackendView
  readonly now: number
  readonly format: Format
}

class EndpointView implements View<Endpoint> {
  readonly #sign = new Sign('off')
  readonly #address = h('code')
  readonly #state = h('span', { class: 'state' })
  readonly #why = h('small')
  readonly #load = new Load()
  readonly element = h(
    'li',
    {},
    h('p', { class: 'health' }, this.#sign.element, this.#address, ' ', this.#state),
    this.#load.element,
    this.#why,
  )

  update({ backend, now, format }: Endpoint): void {
    const { label, tone } = STATES[backend.health.state]
    this.#sign.show(tone)
    setText(this.#address, backend.endpoint ?? '')
    setText(this.#state, label)
    this.#load.update([backend], format)
    setText(this.#why, healthInWords(backend, now, format))
    this.#why.hidden = this.#why.textContent === ''
  }
}
