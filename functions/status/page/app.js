// The page: which step is shown, for which migration, in which language.

import { client, Problem } from './api.js'
import { accountsStep } from './accounts.js'
import { confirmStep } from './confirm.js'
import { dialog, h, say, show } from './dom.js'
import { explain } from './explain.js'
import { observeStep } from './observe.js'
import { providerStep } from './provider.js'
import { service } from './service.js'
import { choose, current, languages, t } from './texts.js'

const STEPS = { provider: providerStep, accounts: accountsStep, confirm: confirmStep, observe: observeStep }
const BEFORE_START = new Set(['submitted', 'checking', 'ready'])
const at = (id) => document.getElementById(id)

/** What a new order is made of, until it is sent. */
const emptyDraft = () => ({
  key: '', name: '', notify: '', provider: null, sourceAuth: 'password', rows: [], sent: 0,
  source: { host: '', port: 993, security: 'tls', admin_user: '', admin_password: '', admin_scheme: 'auto' },
  preset: null, oauth: { kind: 'refresh_token', given: {}, body: null },
  access: 'administrator', sourceKind: 'imap', sourceAccess: 'user', targetKind: 'workmail',
  target: { host: '', port: 993, security: 'tls' },
  options: {},
})

const app = {
  draft: emptyDraft(),
  client: null,
  migration: null,
  step: null,
  view: null,
  go,
  tell,
  mailed,
  /** Takes a migration up: its link stands in the address line from now on. */
  enter(id, token) {
    app.client = client(token, id)
    history.replaceState(null, '', `#${id}.${token}`)
  },
  /** Begins another order. */
  renew() {
    history.replaceState(null, '', location.pathname)
    Object.assign(app, { draft: emptyDraft(), client: null, migration: null })
    go('provider')
  },
}

/** Tells of a refusal, or takes the message away. */
function tell(problem) {
  if (!problem) return show(at('notice'))
  if (!(problem instanceof Problem)) console.error(problem)
  const text = problem instanceof Problem ? explain(problem) : t('page.mistake')
  show(at('notice'), h('p', { class: 'notice bad' }, text))
}

function steps(step) {
  const order = Object.keys(STEPS)
  const place = order.indexOf(step)
  const items = order.map((name, no) => h('li', { class: no < place ? 'past' : no === place ? 'here' : '', 'aria-current': no === place && 'step' },
    h('span', { class: 'no', 'aria-hidden': 'true' }, no < place ? '✓' : no + 1), h('span', { class: 'step-name' }, t(`step.${name}`))))
  at('steps').hidden = false
  at('steps').setAttribute('aria-label', t('steps'))
  show(at('steps'), h('ol', null, items))
}

function go(step, { quiet } = {}) {
  app.view?.stop?.()
  tell(null)
  app.step = step
  steps(step)
  app.view = STEPS[step](app)
  show(at('main'), app.view.element)
  document.title = `${t(`step.${step}`)} – Mailcrane`
  if (quiet) return
  scrollTo(0, 0)
  at('main').querySelector('h1')?.focus({ preventScroll: true })
}

function frame() {
  say(at('skip'), t('skip'))
  say(at('language-label'), t('language'))
  dialog.closeText = t('close')
  show(at('language'), languages().map(([code, name]) => h('option', { value: code, selected: code === current() }, name)))
  foot()
}

/** Says at the foot of the page where help is found, when the operator has named a place. */
async function foot() {
  const { support } = await service()
  if (!support) return
  at('foot').hidden = false
  show(at('foot'), t('support'), ' ', h('a', { href: /^https:/.test(support) ? support : `mailto:${support}`, rel: 'noreferrer' }, support))
}

/** Reads the link: `#<id>.<token>` is a migration, anything else a new order. */
async function open() {
  const [, voucher] = /^#voucher=([\w-]+)$/.exec(location.hash) ?? []
  if (voucher) {
    // The code does not stay in the address line.
    history.replaceState(null, '', location.pathname)
    Object.assign(app.draft, { key: voucher, access: 'user', voucher: true })
  }
  const [, id, token] = /^#([^.]+)\.(.+)$/.exec(location.hash) ?? []
  if (!id) return go('provider', { quiet: true })
  app.client = client(token, id)
  show(at('main'), h('p', { class: 'loading' }, t('loading')))
  try {
    app.migration = await app.client.get()
    if (app.migration.unconfirmed) return unconfirmed()
    go(BEFORE_START.has(app.migration.state) ? 'accounts' : 'observe', { quiet: true })
  } catch (problem) {
    app.view?.stop?.()
    app.view = null
    at('steps').hidden = true
    tell(problem)
    show(at('main'), h('div', { class: 'card' }, h('h1', { tabindex: '-1' }, t('link.title')), h('p', null, t('link.text')),
      h('div', { class: 'buttons' }, h('button', { type: 'button', onclick: open }, t('try_again')), h('button', { type: 'button', class: 'quiet', onclick: app.renew }, t('new_order')))))
  }
}

/** Asks whoever opened the link of a public trial for the confirmation; a program that only looks at links does not press it. */
function unconfirmed() {
  app.view = null
  at('steps').hidden = true
  async function confirm() {
    button.disabled = true
    try {
      await app.client.post('/confirm')
      tell(null)
      open()
    } catch (problem) {
      button.disabled = false
      tell(problem)
    }
  }
  const button = h('button', { type: 'button', class: 'primary', onclick: confirm }, t('address.confirm'))
  show(at('main'), h('div', { class: 'card' }, h('h1', { tabindex: '-1' }, t('address.title')), h('p', null, t('address.text', { n: app.migration.accounts })), h('div', { class: 'buttons left' }, button)))
}

/** Says that the link is on its way by e-mail. */
function mailed() {
  app.view?.stop?.()
  app.view = null
  at('steps').hidden = true
  show(at('main'), h('div', { class: 'card' }, h('h1', { tabindex: '-1' }, t('address.mailed')), h('p', null, t('address.mailed_text', { address: app.draft.notify }))))
  at('main').querySelector('h1').focus()
}

at('language').addEventListener('change', (event) => {
  app.view?.keep?.()
  choose(event.target.value)
  frame()
  if (app.view) go(app.step, { quiet: true })
  else open()
})
at('skip').addEventListener('click', (event) => {
  // The fragment belongs to the migration's link; a jump must not replace it.
  event.preventDefault()
  at('main').focus()
})
addEventListener('hashchange', () => {
  if (app.client && location.hash === `#${app.client.id}.${app.client.token}`) return
  Object.assign(app, { draft: emptyDraft(), client: null, migration: null })
  open()
})
frame()
open()
