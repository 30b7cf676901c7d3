// Step 4: the status of a migration, kept up to date, and what can be done with it.

import { outcomes } from './account-details.js'
import { accountList, explained, tone, waiting } from './account-list.js'
import { linkCard } from './accounts.js'
import { actions } from './actions.js'
import { speedChart } from './chart.js'
import { bar, foreign, h, help, say, show } from './dom.js'
import { ending, lasting, limit } from './estimate.js'
import { changeMigration, changeable } from './migration-change.js'
import { poll } from './poll.js'
import { bytes, duration, number, t, time } from './texts.js'

const ENDED = ['done', 'done_with_errors', 'stalled', 'cancelled']
const OVER = new Set(['finished', 'finished_with_errors', 'failed', 'cancelled'])
const PASSES = new Set(['running', 'pausing', 'cancelling'])

export function observeStep(app) {
  const badge = h('span', { class: 'badge large', role: 'status' })
  const title = h('h1', { tabindex: '-1' })
  const text = h('p', { class: 'state-text' })
  const facts = h('dl', { class: 'facts' })
  const bars = { accounts: row('accounts'), messages: row('emails.title'), bytes: row('bytes.title') }
  const left = h('p', { class: 'hint' })
  const others = h('p', { class: 'hint' })
  const tiles = h('div')
  const waits = h('section', { class: 'card', hidden: true })
  const chart = speedChart()
  const controls = actions(app, () => poller.now())
  const list = accountList(app)
  const hook = h('div')
  const undoing = h('p', { class: 'notice warn', role: 'status', hidden: true })
  const change = h('button', { type: 'button', onclick: () => changeMigration(app, () => poller.now()) }, t('change.open'))

  function row(key) {
    const one = bar(t(key))
    const value = h('span', { class: 'bar-text' })
    return { element: h('div', { class: 'bar-row' }, h('span', null, t(key)), value, one.element), show(done, all, words) { one.update(all ? done / all : 0, words); say(value, words) } }
  }
  const of = (done, all) => t('of', { done, all })

  function draw(migration) {
    const { state, totals, pass, accounts, states } = migration
    if (title.textContent !== (migration.name || t('observe.title'))) show(title, migration.name ? foreign(migration.name) : t('observe.title'))
    badge.className = `badge large ${tone(state)}`
    say(badge, t(`state.${state}`))
    undoing.hidden = !migration.undoing
    say(undoing, migration.undoing ? t('code.undo.under_way') : '')
    say(text, t(`state.${state}.text`, { time: migration.start_at ? time(migration.start_at) : '' }))
    const shown = [
      ['fact.order', migration.id, true],
      ['fact.pass', pass.no > 0 && t(`pass.${pass.kind}`)],
      ['fact.created', time(migration.created)],
      ['fact.start_at', state === 'scheduled' && migration.start_at && time(migration.start_at)],
      ['fact.started', migration.started && time(migration.started)],
      ['fact.ends', state === 'running' && migration.estimate && ending(migration.estimate)],
      ['fact.ended', !PASSES.has(state) && migration.ended && time(migration.ended)],
      ['fact.notify', migration.notify.join(', ')],
      ['webhook.url', migration.webhook?.url],
      ['fact.keep', !['erasing', 'erased'].includes(state) && migration.keep_until && time(migration.keep_until)],
    ].filter(([, value]) => value)
    show(facts, shown.map(([key, value, code]) => h('div', null, h('dt', null, t(key)), h('dd', { class: code && 'code' }, foreign(value)))))
    const count = (some) => some.reduce((sum, one) => sum + (states[one] ?? 0), 0)
    bars.accounts.element.hidden = !states
    if (states) {
      const ended = count(ENDED)
      bars.accounts.show(ended, accounts, of(number(ended), number(accounts)))
      say(others, OVER.has(state) && ended < accounts ? t('accounts.others', { n: accounts - ended }) : '')
    }
    const done = totals.found - totals.pending
    bars.messages.show(done, totals.found, of(number(done), number(totals.found)))
    bars.bytes.show(totals.bytes_done, totals.bytes_found, of(bytes(totals.bytes_done), bytes(totals.bytes_found)))
    show(tiles, outcomes(totals))
    const seconds = chart.update(migration, state === 'running')
    const { estimate } = migration
    say(left, estimate && state === 'running' ? `${t('estimate.left', { time: lasting(estimate) })} ${limit(estimate)}` : seconds === null ? '' : t('speed.left', { time: duration(seconds) }))
    const trouble = migration.webhook?.trouble
    show(hook, trouble && h('p', { class: 'notice warn' }, t('webhook.trouble', { event: t(`webhook.event.${trouble.event}`), time: time(trouble.at) }), ' ', explained(trouble.code, trouble.message)))
    change.hidden = !changeable(migration)
    waits.hidden = !migration.waits.length
    show(waits, h('h2', null, t('waits.title')), merged(migration.waits).map(waiting))
    controls.update(migration)
    for (const one of rest) one.hidden = ['erasing', 'erased'].includes(state)
  }
  /** The same wait of many accounts is told once. */
  const merged = (all) => [...new Map(all.map((one) => [one.code, one])).values()]

  async function refresh() {
    app.migration = await app.client.get().catch((problem) => {
      // What was being erased and is not there any more is erased.
      if (problem.status === 404 && app.migration.state === 'erasing') return { ...app.migration, state: 'erased', waits: [] }
      throw problem
    })
    draw(app.migration)
    if (app.migration.state === 'erased') poller.stop()
    if (!['erasing', 'erased'].includes(app.migration.state)) await list.refresh(app.migration)
  }
  const rest = [
    h('section', { class: 'card' }, h('h2', null, t('progress.title')), Object.values(bars).map((one) => one.element), others, left, tiles, chart.element),
    h('section', { class: 'card' }, h('h2', null, t('accounts.list')), list.element),
    linkCard(app),
    h('div', { class: 'helps' }, help(t('meanwhile.title'), [t('meanwhile.1'), t('meanwhile.2'), t('meanwhile.3'), t('meanwhile.4')]),
      help(t('after.title'), [t('after.1'), t('after.2'), t('after.3'), t('after.4')])),
  ]
  const element = h('div', null,
    h('div', { class: 'lead' }, title, h('div', { class: 'state' }, badge, text)),
    undoing, controls.element, rest[0], waits,
    h('section', { class: 'card' }, h('h2', null, t('facts.title')), facts, hook, h('div', { class: 'buttons left' }, change)),
    rest.slice(1))
  draw(app.migration)
  const poller = poll(refresh, 2000, { failed: app.tell, well: () => app.tell(null) })
  return { element, stop: poller.stop }
}
