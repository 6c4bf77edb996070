import type { Action, Actions } from '../actions.ts'
import { Disclosure, isNarrow } from '../disclosure.ts'
import { h, List, setText, type View } from '../dom.ts'
import type { Format } from '../format.ts'
import { type Group, groupsOf } from '../groups.ts'
import { Sign } from '../icons.ts'
import type { Model } from '../model.ts'
import { healthInWords, STATES, UNAVAILABLE } from '../words.ts'
import { type Endpoint, EndpointView } from './endpoint-view.ts'
import { type Fact, factsOf, limitHistory } from './facts.ts'
import { JobTable } from './job-table.ts'
import { Load } from './load.ts'
import { Sparkline } from './sparkline.ts'
import { TrackHead, TrackStretch, widthOf } from './track.ts'

/** Healthy backends are closed at first when there are more. */
const MOST_OPEN = 4
/** Backends until "Show all" is pressed, on a wide and on a narrow screen. */
const MOST_SHOWN = 12
const MOST_SHOWN_NARROW = 4

/** A backend and its place on the traffic line. */
interface Station {
  readonly group: Group
  /** Share of the jobs of the last minute; `undefined` without jobs, and for a backend that gets none. */
  readonly share: number | undefined
  /** Width of the line that continues to the backends below. */
  readonly through: number
  /** Whether it shows everything, unless a user chose otherwise. */
  readonly isOpen: boolean
  readonly model: Model
}

/** The backends along the traffic line: those with problems, then the others, in the order of the configuration. */
export class Backends {
  readonly #head = new TrackHead()
  readonly #list: List<Station>
  readonly #more = h('button', { type: 'button', class: 'more' })
  #isLong = false
  #model: Model | undefined

  constructor(container: Element, actions: Actions) {
    container.before(
      h('p', { class: 'source', 'aria-hidden': 'true' }, this.#head.element, 'From Immich, last minute'),
    )
    container.after(this.#more)
    this.#more.addEventListener('click', () => {
      this.#isLong = !this.#isLong
      if (this.#model !== undefined) this.update(this.#model)
    })
    this.#list = new List(
      container,
      ({ group }) => group.name,
      ({ group }) => new StationView(group.name, actions),
    )
  }

  update(model: Model): void {
    this.#model = model
    const groups = groupsOf(model.report.backends)
    const isFew = groups.length <= MOST_OPEN
    const isNarrowNow = isNarrow()
    const hasProblem = ({ state }: Group) => STATES[state].says !== undefined
    const sorted = isFew ? groups : groups.toSorted((a, b) => Number(hasProblem(b)) - Number(hasProblem(a)))
    const stations: Station[] = []
    let through = 0
    for (const group of sorted.toReversed()) {
      const { share } = group.members[0].minute
      stations.unshift({ group, share, through, isOpen: !isNarrowNow && (isFew || hasProblem(group)), model })
      through += share === undefined ? 0 : widthOf(share)
    }
    this.#head.update(through)
    const most = isNarrowNow ? MOST_SHOWN_NARROW : MOST_SHOWN
    this.#list.update(this.#isLong ? stations : stations.slice(0, most))
    this.#more.hidden = stations.length <= most
    setText(
      this.#more,
      this.#isLong ? 'Show fewer' : `Show all ${model.format.count(stations.length)} backends`,
    )
  }
}

let stations = 0

class StationView implements View<Station> {
  readonly #stretch = new TrackStretch()
  readonly #sign = new Sign('off')
  readonly #state = h('span', { class: 'state' })
  readonly #share = h('span')
  readonly #shareLine = h(
    'p',
    { class: 'share' },
    this.#share,
    h('span', { class: 'unseen' }, ' of the jobs of the last minute'),
  )
  readonly #spark = new Sparkline()
  readonly #busy = h('span', { class: 'amount' })
  readonly #rate = h('span', { class: 'amount' })
  readonly #why = h('p', { class: 'why' })
  readonly #facts = new Facts()
  readonly #load = new Load()
  readonly #jobs = new JobTable()
  readonly #endpointList = h('ul', { class: 'endpoints' })
  readonly #endpoints = new List<Endpoint>(
    this.#endpointList,
    ({ backend }) => backend.endpoint ?? '',
    () => new EndpointView(),
  )
  readonly #body = h('div', { class: 'inside-station', id: `station-${++stations}` })
  readonly #disclosure: Disclosure
  readonly #buttons: Readonly<Record<Action, HTMLButtonElement>>
  readonly element: HTMLElement

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
    this.#disclosure = new Disclosure(name, this.#body, false)
    this.#body.append(
      this.#load.element,
      this.#jobs.element,
      this.#endpointList,
      this.#facts.element,
      h('p', { class: 'buttons' }, wake, drain, enable),
    )
    this.element = h(
      'li',
      { class: 'station' },
      this.#stretch.element,
      h(
        'div',
        { class: 'head' },
        h('h3', {}, this.#disclosure.button),
        h('p', { class: 'health' }, this.#sign.element, this.#state),
        h('p', { class: 'amounts' }, this.#spark.element, this.#busy, this.#rate),
      ),
      this.#shareLine,
      this.#why,
      this.#body,
    )
  }

  update({ group, share, through, isOpen, model }: Station): void {
    const { state, members } = group
    const { label, tone } = STATES[state]
    const { now, format } = model
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
    this.#showAmounts(members[0], model, UNAVAILABLE.has(state))
    this.#disclosure.suggest(isOpen)
    if (this.#disclosure.isOpen) this.#showInside(group, model)
  }

  #showAmounts(
    { name, minute }: Group['members'][0],
    { report, store, now, format }: Model,
    isAway: boolean,
  ): void {
    this.#spark.update(store.spansUntil(now).map((span) => span?.backends[name]?.busy ?? 0))
    setText(this.#busy, isAway ? '' : `${format.share(minute.busy)} busy`)
    // The window is up to one step shorter than a minute.
    const rate = Math.round((minute.jobs * 60_000) / report.windows.minute.length)
    setText(this.#rate, isAway ? '' : `${format.count(rate)} ${rate === 1 ? 'job' : 'jobs'}/min`)
  }

  #showInside(group: Group, model: Model): void {
    const { members, state } = group
    const { report, now, format } = model
    const [first] = members
    const hasEndpoints = first.endpoint !== undefined
    this.#load.update(members, format, limitHistory(first.name, model))
    this.#jobs.update(first.minute.latencies, first.quarter.latencies, format)
    this.#endpoints.update(hasEndpoints ? members.map((backend) => ({ backend, now, format })) : [])
    this.#endpointList.hidden = !hasEndpoints
    this.#facts.update(factsOf(group, model))
    const isDrained = state === 'drained'
    this.#buttons.drain.hidden = !report.actions || isDrained
    this.#buttons.enable.hidden = !report.actions || !isDrained
    this.#buttons.wake.hidden = !report.actions || !first.wakes
  }
}

/** Names and values. */
class Facts {
  readonly element = h('dl', { class: 'facts' })
  #shown = ''

  update(facts: readonly Fact[]): void {
    const shown = JSON.stringify(facts)
    if (shown === this.#shown) return
    this.#shown = shown
    this.element.replaceChildren(
      ...facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
    )
  }
}

/** The reason of a backend's state. Of several endpoints, each shows its own. */
function whyOf({ members, state }: Group, now: number, format: Format): string {
  const [first, ...others] = members
  if (first.endpoint === undefined) {
    const words = healthInWords(first, now, format)
    const held =
      first.held > 0
        ? `${format.count(first.held)} held ${first.held === 1 ? 'job' : 'jobs'} could use it`
        : ''
    const hope = state === 'asleep' ? 'The next request wakes it' : ''
    return [words, held, hope].flatMap((part) => (part === '' ? [] : `${part}.`)).join(' ')
  }
  const healthy = members.filter(({ health }) => health.state === 'healthy').length
  return others.length === 0
    ? ''
    : `${format.count(healthy)} of ${format.count(members.length)} endpoints are healthy.`
}
