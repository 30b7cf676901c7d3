// The same change for many accounts: how far it is, and in the end what was left as it was and why.

import { bulk } from './bulk.js'
import { bar, foreign, h, say, show } from './dom.js'
import { explain } from './explain.js'
import { duration, t } from './texts.js'

const REASONS = 5
const NAMES = 5

/** Sends the change to the accounts, or has them checked again when there is none; the dialog shows it and stops it when it closes. */
export function spread(app, accounts, change, box, changed) {
  const n = accounts.length
  const progress = bar(t('others.title'))
  const line = h('span', { class: 'bar-text' })
  const pause = h('p', { class: 'notice warn', role: 'status', hidden: true })
  const told = h('div', { class: 'stack', role: 'status' })
  const stop = h('button', { type: 'button', onclick: () => box.close() }, t('others.stop'))
  const title = box.querySelector('h2')

  function reach(done) {
    progress.update(done / n, t('of', { done, all: n }))
    say(line, t('of', { done, all: n }))
  }
  function rest(seconds) {
    pause.hidden = !seconds
    say(pause, seconds ? t('others.pause', { time: duration(seconds) }) : '')
  }
  async function send({ no }) {
    if (change) await app.client.patch(`/accounts/${no}`, change)
    else await app.client.post(`/accounts/${no}/check`)
  }
  function tell(failures) {
    const well = n - failures.length
    show(told, well > 0 && h('p', { class: 'notice good' }, t('others.done', { n: well })), failures.length > 0 && reasons(failures))
    const close = h('button', { type: 'button', class: 'primary', onclick: () => box.close() }, t('close'))
    stop.replaceWith(close)
    for (const one of [lead, hint]) one.remove()
    close.focus()
    changed()
  }

  const lead = h('p', null, t('others.text'))
  const hint = h('p', { class: 'hint' }, t('others.stop_hint'))
  say(title, t('others.title'))
  box.querySelector('.dialog-foot')?.remove()
  show(box.querySelector('.dialog-body'), lead, h('div', { class: 'bar-row' }, h('span', null, t('accounts')), line, progress.element), pause, told, hint, h('div', { class: 'buttons' }, stop))
  title.focus()
  reach(0)
  const run = bulk(accounts, send, { progress: reach, paused: rest })
  box.addEventListener('close', () => {
    run.stop()
    changed()
  })
  run.ended.then((failures) => box.open && tell(failures))
}

/** Says how many were left as they were, and why: the same reason once, with the first of whom it is true. */
function reasons(failures) {
  const groups = new Map()
  for (const { item, problem } of failures) {
    const reason = explain(problem)
    groups.set(reason, [...(groups.get(reason) ?? []), item.source.user])
  }
  const first = [...groups].slice(0, REASONS)
  const unnamed = failures.length - first.reduce((sum, [, users]) => sum + users.length, 0)
  return h('div', { class: 'notice bad' }, h('p', null, t('others.failed', { n: failures.length })),
    h('ul', null, first.map(([reason, users]) => h('li', null, foreign(users.slice(0, NAMES).join(', ')), users.length > NAMES && ` ${t('accounts.more', { n: users.length - NAMES })}`, ': ', reason)),
      unnamed > 0 && h('li', null, t('accounts.more', { n: unnamed }))))
}
