// Step 3: what will be copied, when, and what to know before.

import { choice, fault, field, h, help, say, show } from './dom.js'
import { lasting, limit } from './estimate.js'
import { changeMigration } from './migration-change.js'
import { poll } from './poll.js'
import { rehearse } from './rehearsal.js'
import { bytes, number, t } from './texts.js'

/** Adds up what the analysis found, over all accounts that take part. */
async function sums({ client: api }) {
  const sum = { accounts: 0, bad: 0, open: 0, messages: 0, bytes: 0, recent_messages: 0, recent_bytes: 0, too_large: 0, full: 0, left: 0 }
  let cursor = null
  do {
    const page = await api.get(`/accounts?${new URLSearchParams({ limit: '250', ...(cursor && { cursor }) })}`)
    for (const { selected, state, analysis } of page.accounts) {
      if (!selected) { sum.left += 1; continue }
      if (state === 'check_failed') { sum.bad += 1; continue }
      sum.accounts += 1
      if (!analysis.complete) sum.open += 1
      for (const name of ['messages', 'bytes', 'recent_messages', 'recent_bytes', 'too_large']) sum[name] += analysis[name]
      if (analysis.destination_free !== undefined && analysis.destination_free < analysis.bytes) sum.full += 1
    }
    cursor = page.next
  } while (cursor)
  return sum
}

/** Lets a person choose a time; `read` gives `now` or a time in Z, nothing for a wrong one. */
export function when() {
  const input = h('input', { type: 'datetime-local', min: local(new Date()) })
  const holder = field(t('when.time'), input, { hint: t('when.zone', { zone: Intl.DateTimeFormat().resolvedOptions().timeZone }) })
  holder.hidden = true
  const { group, read } = choice(t('when.title'), 'when', ['now', 'later'].map((value) => ({ value, label: t(`when.${value}`) })), 'now', (value) => { holder.hidden = value === 'now' })
  return {
    element: h('div', { class: 'stack' }, group, holder),
    read() {
      if (read() === 'now') return 'now'
      const at = new Date(input.value)
      const good = at > new Date()
      fault(holder, good ? '' : t('when.fault'))
      if (!good) input.focus()
      return good ? at.toISOString() : null
    },
  }
}

const local = (date) => new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)

export function confirmStep(app) {
  const tiles = h('dl', { class: 'tiles' })
  const told = h('div', { 'aria-live': 'polite' })
  const lasts = h('p', { class: 'lasts', role: 'status' })
  const before = h('input', { type: 'date' })
  const beforeField = field(t('kind.before'), before, { hint: t('kind.before_hint') })
  beforeField.hidden = true
  const voucher = h('input', { autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', maxlength: 100 })
  const voucherField = field(t('voucher.code'), voucher, { hint: t('voucher.hint') })
  voucherField.hidden = !app.migration.needs_voucher
  const kinds = choice(t('kind.title'), 'kind', ['full', 'trial', 'prestage'].map((value) => ({ value, label: t(`kind.${value}`), hint: t(`kind.${value}_hint`) })), 'full', (value) => {
    beforeField.hidden = value !== 'prestage'
    voucherField.hidden = !app.migration.needs_voucher || value === 'trial'
    draw()
  })
  const time = when()
  const tried = h('button', { type: 'button', class: 'quiet', onclick: () => { const body = wanted(); if (body) return rehearse(app, 'start', body) } }, t('rehearsal.ask'))
  const change = h('button', { type: 'button', onclick: () => changeMigration(app, () => poller.now()) }, t('change.open'))
  const start = h('button', { type: 'button', class: 'primary', disabled: true, onclick: begin }, t('confirm.start'))
  let sum

  function draw() {
    if (!sum) return
    const trial = kinds.read() === 'trial'
    const tile = (label, value) => h('div', { class: 'tile' }, h('dt', null, label), h('dd', null, value))
    show(tiles, tile(t('accounts'), number(sum.accounts)), tile(t('emails.title'), number(trial ? sum.recent_messages : sum.messages)), tile(t('bytes.title'), bytes(trial ? sum.recent_bytes : sum.bytes)))
    const { estimate } = app.migration
    say(lasts, estimate && kinds.read() === 'full' ? `${t('estimate.lasts', { time: lasting(estimate) })} ${limit(estimate)}` : '')
    const lines = [
      sum.accounts === 0 && ['bad', t('confirm.nothing')],
      sum.bad > 0 && ['warn', t('confirm.failed', { n: sum.bad })],
      sum.open > 0 && ['', t('confirm.open', { n: sum.open })],
      sum.left > 0 && ['', t('confirm.left', { n: sum.left })],
      sum.full > 0 && ['bad', t('confirm.full', { n: sum.full })],
      sum.too_large > 0 && !trial && ['warn', t('confirm.too_large', { n: sum.too_large })],
    ].filter(Boolean)
    const seen = JSON.stringify(lines)
    if (told.dataset.seen !== seen) show(told, lines.map(([tone, text]) => h('p', { class: `notice ${tone}` }, text)))
    told.dataset.seen = seen
    start.disabled = sum.accounts === 0
  }
  /** Reads what the start is told; nothing when a field is wrong, which is marked. */
  function wanted() {
    const at = time.read()
    if (!at) return null
    const kind = kinds.read()
    fault(beforeField, kind === 'prestage' && !before.value ? t('kind.before_fault') : '')
    if (kind === 'prestage' && !before.value) return void before.focus()
    fault(voucherField, !voucherField.hidden && !voucher.value.trim() ? t('voucher.missing') : '')
    if (!voucherField.hidden && !voucher.value.trim()) return void voucher.focus()
    return { at, kind, ...(!voucherField.hidden && { voucher: voucher.value.trim() }), ...(kind === 'prestage' && { before: new Date(`${before.value}T00:00`).toISOString() }) }
  }
  async function begin() {
    const body = wanted()
    if (!body) return
    start.disabled = true
    say(start, t('confirm.starting'))
    try {
      app.migration = await app.client.post('/start', body)
      app.go('observe')
    } catch (problem) {
      start.disabled = false
      say(start, t('confirm.start'))
      app.tell(problem)
      scrollTo(0, 0)
    }
  }
  const poller = poll(async () => {
    [app.migration, sum] = await Promise.all([app.client.get(), sums(app)])
    draw()
  }, 4000, { failed: app.tell, well: () => app.tell(null) })

  const list = (...keys) => h('ul', null, keys.map((key) => h('li', null, t(key))))
  const element = h('div', null,
    h('div', { class: 'lead' }, h('h1', { tabindex: '-1' }, t('confirm.title')), h('p', null, t('confirm.lead'))),
    h('section', { class: 'card' }, h('h2', null, t('confirm.what')), tiles, lasts, told, kinds.group, beforeField, voucherField, h('div', { class: 'buttons left' }, change)),
    h('section', { class: 'card' }, time.element),
    h('section', { class: 'card' }, h('h2', null, t('limits.title')), list('limits.1', 'limits.2', 'limits.3', 'limits.4'),
      help(t('meanwhile.title'), [t('meanwhile.1'), t('meanwhile.2'), t('meanwhile.3'), t('meanwhile.4')])),
    h('div', { class: 'buttons step-buttons' }, h('button', { type: 'button', class: 'quiet', onclick: () => app.go('accounts') }, t('back')), tried, start))
  return { element, stop: poller.stop }
}
