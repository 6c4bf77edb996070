import type { Report } from '../src/wire.ts'
import { Actions } from './actions.ts'
import { Backends } from './backends/backends.ts'
import { Decisions } from './decisions/decisions.ts'
import { byId, h, setText } from './dom.ts'
import { formatFor } from './format.ts'
import type { Model } from './model.ts'
import { Overview } from './overview/overview.ts'
import { panel } from './panel.ts'
import { History } from './plots/history.ts'
import { Queues } from './queues.ts'
import { Routes } from './routes.ts'
import { Runs } from './runs.ts'
import { StartHere } from './start-here.ts'
import { Store } from './store.ts'
import { type LinkState, Stream } from './stream.ts'
import { startTheme } from './theme.ts'
import { Waiting } from './waiting.ts'

/** The path of the page, behind any proxy. */
const base = location.pathname.replace(/\/+$/, '')
const format = formatFor()
const store = new Store()
/** Arrival of the last report, on the browser's clock. */
let reportAt = 0

const actions = new Actions(base, () => refresh())
const decisions = new Decisions()
const parts = [
  new Overview(),
  new StartHere(byId('start-here', HTMLElement), actions),
  new Backends(byId('backends', HTMLElement), actions),
  new History(byId('recent', HTMLElement), byId('day', HTMLElement)),
  new Runs(byId('runs', HTMLElement)),
  new Routes(byId('routes', HTMLElement)),
  new Waiting(byId('waiting', HTMLElement)),
  new Queues(byId('queues', HTMLElement)),
]
const footer = {
  about: h('span'),
  note: h('span'),
  forget: h('button', { type: 'button' }, 'Forget the token'),
}

startTheme()
setText(byId('host', HTMLElement), location.host)
for (const id of ['recent', 'day', 'runs', 'routes', 'waiting']) panel(id)
byId('footer', HTMLElement).append(footer.about, ' ', footer.note, ' ', footer.forget)
footer.forget.addEventListener('click', () => actions.forget())

const stream = new Stream({ url: `${base}/events`, onReport, onState: showLink })
setInterval(tick, 1_000)
showLink('connecting')

function onReport(report: Report): void {
  store.take(report)
  reportAt = performance.now()
  refresh()
}

/** Updates ages and plots between two reports. */
function tick(): void {
  if (performance.now() - reportAt > 900) refresh()
  if (document.documentElement.dataset['link'] === 'lost') showLink('lost')
}

function refresh(): void {
  const { report } = store
  if (report === undefined) return
  // Without a connection, ages stop.
  const passed = document.documentElement.dataset['link'] === 'lost' ? 0 : performance.now() - reportAt
  const model: Model = {
    report,
    store,
    now: report.now + passed,
    wallOf: (moment) => report.wall + (moment - report.now),
    format,
  }
  for (const part of parts) part.update(model)
  decisions.update(model)
  showFooter(model)
}

function showFooter({ report, now, wallOf }: Model): void {
  const { version, startedAt, config } = report.about
  const facts = [
    `immich-ml-router ${version}`,
    `up for ${format.duration(wallOf(now) - startedAt)}`,
    ...(config === undefined ? [] : [`configured by ${config}`]),
  ]
  setText(footer.about, `${facts.join(', ')}.`)
  footer.forget.hidden = !actions.hasToken
  setText(
    footer.note,
    report.actions
      ? 'Drain, enable and wake backends with the admin token.'
      : 'Read-only. Set an admin token to drain, enable and wake backends here.',
  )
}

function showLink(state: LinkState): void {
  document.documentElement.dataset['link'] = state
  byId('link', HTMLElement).dataset['state'] = state
  const lost = byId('lost', HTMLElement)
  const texts: Readonly<Record<LinkState, string>> = {
    connecting: 'Connecting…',
    live: 'Live',
    lost: lastUpdate(),
  }
  setText(byId('link-text', HTMLElement), texts[state])
  lost.hidden = state !== 'lost'
  if (state === 'lost')
    setText(lost, 'The router does not answer. The page shows its last state and reconnects automatically.')
}

function lastUpdate(): string {
  return store.report === undefined ? 'No answer' : `Last update ${format.duration(stream.silence)} ago`
}
