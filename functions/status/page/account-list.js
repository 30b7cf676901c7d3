// The accounts of a migration, page by page, with a filter; what is on view is kept up to date in place.

import { correct } from './account-change.js'
import { details } from './account-details.js'
import { trust } from './certificate.js'
import { bar, foreign, h, say, show } from './dom.js'
import { createMailbox, lacksMailbox } from './mailbox.js'
import { bytes, number, t, time, told } from './texts.js'

const PAGE = 25
/** The pages that a filter walks through. */
const WALK = 250
const FILTERS = {
  all: null,
  attention: (one) => Boolean(one.error) || ['check_failed', 'stalled', 'done_with_errors'].includes(one.state),
  active: (one) => ['checking', 'analyzing', 'copying', 'verifying'].includes(one.state),
  waiting: (one) => ['waiting', 'ready', 'queued'].includes(one.state),
  done: (one) => ['done', 'done_with_errors', 'cancelled'].includes(one.state),
}
/** The states in which the two checks are shown: all of them before the start, later only what is not well. */
const FRESH = new Set(['waiting', 'checking', 'check_failed', 'analyzing', 'ready'])
const UNCHECKED = new Set(['waiting', 'checking', 'check_failed'])

export function accountList(app, { ticks = false } = {}) {
  const rows = new Map()
  const list = h('ul', { class: 'accounts', 'aria-label': t('accounts.list') })
  const empty = h('p', { class: 'hint', hidden: true }, t('accounts.none'))
  const before = h('button', { type: 'button', class: 'quiet', onclick: () => { trail.pop(); turn() } }, t('page.before'))
  const after = h('button', { type: 'button', class: 'quiet', onclick: () => { trail.push(next); turn() } }, t('page.after'))
  const place = h('span', { class: 'hint', role: 'status' })
  const filter = h('select', { 'aria-label': t('filter.label'), onchange: reset }, Object.keys(FILTERS).map((one) => h('option', { value: one }, t(`filter.${one}`))))
  const find = h('input', { type: 'search', 'aria-label': t('filter.find'), placeholder: t('filter.find'), autocomplete: 'off', oninput: () => { clearTimeout(typing); typing = setTimeout(reset, 300) } })
  const tools = h('div', { class: 'tools' }, find, filter)
  const pages = h('div', { class: 'pages' }, before, place, after)
  let trail = [null], next = null, typing, turns = 0, walked = 0, skipped = 0

  function reset() {
    trail = [null]
    turn()
  }
  const turn = () => refresh(app.migration, true).catch(app.tell)

  async function refresh(migration, wanted) {
    const chosen = FILTERS[filter.value]
    const words = find.value.trim().toLowerCase()
    const filtered = chosen || words
    // A filter over many accounts reads them all; that is not done at every turn.
    if (filtered && !wanted && walked > 4 && (skipped = (skipped + 1) % 8)) return
    const mine = ++turns
    const fits = (one) => (!chosen || chosen(one)) && (!words || `${one.source.user} ${one.destination.mailbox} ${one.source.host}`.toLowerCase().includes(words))
    const found = []
    let cursor = trail.at(-1)
    walked = 0
    do {
      const query = new URLSearchParams({ limit: filtered ? WALK : PAGE, ...(cursor && { cursor }) })
      const page = await app.client.get(`/accounts?${query}`)
      if (mine !== turns) return
      found.push(...page.accounts.filter((one) => !filtered || fits(one)))
      cursor = page.next
      walked += 1
    } while (filtered && cursor && found.length < PAGE)
    next = cursor
    draw(found, migration)
  }

  function draw(found, migration) {
    const kept = new Set(found.map((one) => one.no))
    for (const [no, row] of rows) if (!kept.has(no)) { row.element.remove(); rows.delete(no) }
    found.forEach((one, at) => {
      if (!rows.has(one.no)) rows.set(one.no, accountRow(app, one, ticks, turn))
      const row = rows.get(one.no)
      row.update(one, migration)
      if (list.children[at] !== row.element) list.insertBefore(row.element, list.children[at] ?? null)
    })
    empty.hidden = found.length > 0
    before.disabled = trail.length < 2
    after.disabled = !next
    pages.hidden = trail.length < 2 && !next
    tools.hidden = migration.accounts < 6
    say(place, t('page.of', { n: migration.accounts, from: (found[0]?.no ?? 0) + 1, to: (found.at(-1)?.no ?? 0) + 1 }))
  }

  return { element: h('div', null, tools, list, empty, pages), refresh }
}

function accountRow(app, first, ticks, changed) {
  let account = first, drawn = ''
  const tick = ticks && h('input', { type: 'checkbox', class: 'take', 'aria-label': t('account.take', { name: first.source.user }), onchange: () => act(() => app.client.patch(`/accounts/${account.no}`, { selected: tick.checked })) })
  const badge = h('span', { class: 'badge' })
  const ends = h('div', { class: 'ends' })
  const checks = h('div', { class: 'checks' })
  const progress = bar(t('account.progress', { name: first.source.user }))
  const numbers = h('p', { class: 'hint numbers' })
  const told = h('div', { class: 'told' })
  const button = (key, run) => h('button', { type: 'button', class: 'small', onclick: run }, t(key))
  const buttons = {
    correct: button('account.correct', () => correct(app, account, changed)),
    mailbox: button('mailbox.create', () => createMailbox(app, account, changed)),
    check: button('account.check', () => act(() => app.client.post(`/accounts/${account.no}/check`))),
    retry: button('account.retry', () => act(() => app.client.post(`/accounts/${account.no}/retry`))),
    trust: button('account.trust', () => trust(app, account, changed)),
    details: button('account.details', () => details(app, account)),
  }
  for (const one of Object.values(buttons)) one.setAttribute('aria-label', `${one.textContent}: ${first.source.user}`)
  const element = h('li', { class: 'account' }, tick && h('div', { class: 'tick-cell' }, tick),
    h('div', { class: 'account-main' }, h('div', { class: 'account-head' }, ends, badge), checks, progress.element, numbers, told),
    h('div', { class: 'account-buttons' }, Object.values(buttons)))

  async function act(run) {
    try {
      await run()
      app.tell(null)
      changed()
    } catch (problem) {
      if (tick) tick.checked = account.selected
      app.tell(problem)
    }
  }

  function update(one, migration) {
    const seen = JSON.stringify([one, migration.state])
    if (seen === drawn) return
    drawn = seen
    account = one
    const { state, totals } = one
    if (tick) {
      tick.checked = one.selected
      tick.disabled = ['copying', 'verifying', 'cancelled'].includes(state)
    }
    element.classList.toggle('left-out', !one.selected)
    show(ends, foreign(one.source.user), h('span', { class: 'arrow', 'aria-label': t('to') }, '→'), foreign(one.destination.mailbox))
    badge.className = `badge ${one.selected || one.pass ? tone(state) : 'calm'}`
    say(badge, one.selected || one.pass ? t(`account.state.${state}`) : t('account.left_out'))
    const known = [one.source.check, one.destination.check].some((check) => check.state === 'failed' && check.code === one.error_code)
    checks.hidden = one.pass > 0 || !(ticks ? FRESH : UNCHECKED).has(state)
    show(checks, end(t('source'), one.source.check, one.source.auth.workmail ? 'WorkMail' : one.source.host), end(t('destination'), one.destination.check, migration.destination.kind === 'imap' ? migration.destination.endpoint?.host ?? 'IMAP' : 'WorkMail'))
    progress.element.hidden = one.pass === 0
    const done = totals.found - totals.pending
    progress.update(totals.found ? done / totals.found : ['done', 'done_with_errors'].includes(state) ? 1 : 0, t('emails.done', { done, n: totals.found }))
    say(numbers, figures(one))
    numbers.hidden = !numbers.textContent
    show(told, one.error && (checks.hidden || !known) && h('p', { class: 'problem' }, explained(one.error_code, one.error)), one.waits.slice(0, 2).map(waiting))
    buttons.correct.hidden = !(ticks ? ['check_failed', 'stalled', 'waiting', 'ready'] : ['check_failed', 'stalled']).includes(state)
    buttons.trust.hidden = state !== 'check_failed' || !one.source.check.fingerprint
    buttons.mailbox.hidden = !lacksMailbox(one)
    buttons.check.hidden = state !== 'check_failed'
    buttons.retry.hidden = !(state === 'stalled' || (state === 'done_with_errors' && ['finished', 'finished_with_errors', 'failed'].includes(migration.state)))
    buttons.details.hidden = one.pass === 0
  }
  return { element, update }
}

/** The colour of a state: it is always written too. */
export const tone = (state) => ({
  check_failed: 'bad', failed: 'bad', stalled: 'bad', done_with_errors: 'warn', finished_with_errors: 'warn', done: 'good', finished: 'good', ready: 'good',
  copying: 'busy', verifying: 'busy', running: 'busy', checking: 'busy', analyzing: 'busy', pausing: 'warn', paused: 'warn',
}[state] ?? 'calm')

const MARKS = { passed: '✓', failed: '✗', pending: '…' }

function end(name, check, place) {
  return h('div', { class: `end ${check.state}` },
    h('span', { class: 'mark', 'aria-hidden': 'true' }, MARKS[check.state]),
    h('div', null, h('p', null, h('strong', null, name), ' ', h('span', { class: 'hint' }, t(`check.state.${check.state}`), ' · ', foreign(place))),
      check.state === 'failed' && h('p', { class: 'problem' }, explained(check.code, check.message))))
}

/** What a code means; the words of the service are kept at hand where they differ. */
export function explained(code, message) {
  const text = told(code, message)
  return text === message || !message ? foreign(text) : [text, h('details', { class: 'words' }, h('summary', null, t('words')), h('p', { lang: 'en' }, foreign(message)))]
}

/** What is waited for and until when. */
export function waiting(one) {
  return h('p', { class: 'waiting' }, h('span', { 'aria-hidden': 'true' }, '◷ '), told(one.code, one.message), one.until && ` ${t('until', { time: time(one.until) })}`)
}

function figures({ pass, totals, analysis, state }) {
  if (pass > 0) {
    const parts = [t('emails.done', { done: totals.found - totals.pending, n: totals.found }), bytes(totals.bytes_done)]
    for (const name of ['duplicate', 'skipped', 'failed', 'vanished']) if (totals[name]) parts.push(`${number(totals[name])} ${t(`outcome.${name}`)}`)
    return parts.join(' · ')
  }
  if (analysis.complete || analysis.messages) {
    const parts = [t('emails', { n: analysis.messages }), bytes(analysis.bytes), t('folders', { n: analysis.folders })]
    if (analysis.too_large) parts.push(t('too_large', { n: analysis.too_large }))
    return (analysis.complete || state !== 'analyzing' ? '' : `${t('so_far')} `) + parts.join(' · ')
  }
  return ''
}

