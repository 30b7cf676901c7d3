// What a start would do, told before it: nothing is changed by asking.

import { dialog, foreign, h } from './dom.js'
import { lasting, limit } from './estimate.js'
import { bytes, number, t, told } from './texts.js'

/** So many folders are listed at first sight. */
const LISTED = 200

const path = (names) => names.join(' / ')

/** Asks for a rehearsal of a start and shows it. */
export async function rehearse(app, action, wanted) {
  try {
    const found = await app.client.post(`/${action}`, { ...wanted, dry_run: true })
    app.tell(null)
    dialog(t('rehearsal.title'), content(found))
  } catch (problem) {
    app.tell(problem)
    scrollTo(0, 0)
  }
}

function content(found) {
  const { accounts } = found
  const tile = (label, value) => h('div', { class: 'tile' }, h('dt', null, label), h('dd', null, value))
  const most = (text) => (found.at_most || accounts.uncounted ? t('rehearsal.at_most', { value: text }) : text)
  const lines = [
    ...found.refusals.map((one) => ['bad', `${t('rehearsal.refused')} ${told(one.code, one.detail)}`]),
    accounts.copied === 0 && ['bad', t('confirm.nothing')],
    accounts.check_failed > 0 && ['warn', t('confirm.failed', { n: accounts.check_failed })],
    accounts.uncounted > 0 && ['', t('confirm.open', { n: accounts.uncounted })],
    accounts.unticked > 0 && ['', t('confirm.left', { n: accounts.unticked })],
    found.too_large > 0 && ['warn', t('confirm.too_large', { n: found.too_large })],
    found.at_most && ['', t('rehearsal.at_most_text')],
  ].filter(Boolean)
  const left = found.folders.filter((one) => one.skipped)
  return [
    h('p', null, t('rehearsal.lead')),
    h('dl', { class: 'tiles' }, tile(t('accounts'), number(accounts.copied)), tile(t('emails.title'), most(number(found.messages))), tile(t('bytes.title'), most(bytes(found.bytes)))),
    found.estimate && h('p', null, t('estimate.lasts', { time: lasting(found.estimate) }), ' ', limit(found.estimate)),
    lines.map(([tone, text]) => h('p', { class: `notice ${tone}` }, text)),
    found.folders.length > 0 && h('details', { class: 'more', open: found.folders.length <= 20 }, h('summary', null, t('rehearsal.folders', { n: found.folders.length }), left.length > 0 && ` ${t('rehearsal.left_out', { n: left.length })}`),
      h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': t('folders.title') }, h('table', null,
        h('thead', null, h('tr', null, h('th', { scope: 'col' }, t('source')), h('th', { scope: 'col' }, t('destination')))),
        h('tbody', null, found.folders.slice(0, LISTED).map((one) => h('tr', null, h('td', null, foreign(path(one.path))),
          h('td', null, one.skipped ? h('span', { class: 'hint' }, t('folders.skipped')) : foreign(path(one.destination_path))))))))),
    (found.more_folders || found.folders.length > LISTED) && h('p', { class: 'hint' }, t('rehearsal.more')),
  ]
}
