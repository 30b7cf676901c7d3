// Corrects an account: only what was changed is sent, and it is checked again.

import { administratorFields } from './administrator.js'
import { dialog, fault, field, h, show } from './dom.js'
import { explain } from './explain.js'
import { mark } from './faults.js'
import { oauthFields } from './oauth.js'
import { alike, forMany, held, others, reaches } from './others.js'
import { presetAt } from './preset.js'
import { spread } from './spread.js'
import { t, told } from './texts.js'

export function correct(app, account, changed) {
  const { source, destination } = account
  const text = (value, more) => h('input', { value, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', ...more })
  const secret = (known) => h('input', { type: 'password', autocomplete: 'off', placeholder: known && t('account.unchanged') })
  const scheme = source.auth === 'administrator' ? 'auto' : source.auth.administrator
  const mailbox = Boolean(source.auth.workmail)
  const hint = scheme ? t('account.administrator_hint') : source.auth === 'oauth' ? t('account.oauth_hint') : undefined
  const imap = app.migration.destination.kind === 'imap'
  const inputs = {
    'source.user': text(source.user),
    'source.password': secret(!forMany(source)),
    'source.host': text(source.host),
    'source.port': text(source.port, { type: 'number', min: 1, max: 65535 }),
    'source.security': h('select', null, ['tls', 'starttls', 'none'].map((one) => h('option', { value: one, selected: one === source.security }, t(`security.${one}`)))),
    'destination.mailbox': text(destination.mailbox),
    'destination.password': secret(true),
  }
  const labels = {
    'source.user': 'account.source_user', 'source.password': 'account.source_password', 'source.host': 'provider.host', 'source.port': 'provider.port',
    'source.security': 'provider.security', 'destination.mailbox': imap ? 'account.address' : 'account.mailbox', 'destination.password': imap ? 'account.address_password' : 'account.mailbox_password',
  }
  const needed = imap || app.migration.destination.access === 'user'
  const offered = (name) => (name === 'destination.password' ? needed : !mailbox || !/^source\.(host|port|security)$/.test(name))
  const fields = Object.fromEntries(Object.entries(inputs).filter(([name]) => offered(name)).map(([name, input]) =>
    [name, field(t(labels[name]), input, { name, hint: name === 'source.password' ? hint : undefined })]))
  const administrator = scheme && administratorFields({ admin_scheme: scheme }, t('account.unchanged'))
  const also = forMany(source) && others(app, account, alike(account), 'others.also')
  const tokens = oauthFields({ kind: source.oauth_kind, changed: weigh })
  const sealed = h('details', { class: 'more', open: source.auth === 'oauth', hidden: mailbox }, h('summary', null, t(source.auth === 'oauth' ? 'account.oauth_again' : 'account.oauth')), tokens.element)
  async function learn() {
    const host = inputs['source.host'].value
    const known = await presetAt(host)
    if (host === inputs['source.host'].value) tokens.draw(known)
  }
  inputs['source.host'].addEventListener('change', learn)
  learn()
  const failed = h('div', { role: 'alert' })

  function body() {
    const known = { 'source.user': source.user, 'source.host': source.host, 'source.port': String(source.port), 'source.security': source.security, 'destination.mailbox': destination.mailbox }
    const change = {}
    for (const name of Object.keys(fields)) {
      const value = name.endsWith('password') ? inputs[name].value : inputs[name].value.trim()
      if (!value || value === known[name]) continue
      const [end, part] = name.split('.')
      change[end] = { ...change[end], [part]: part === 'port' ? Number(value) : value }
    }
    // Without them another host would get the usual port and security instead of what is on view.
    if (change.source?.host) Object.assign(change.source, { port: Number(inputs['source.port'].value), security: inputs['source.security'].value })
    const given = Object.entries(administrator?.read() ?? {}).filter(([name, value]) => value && !(name === 'admin_scheme' && value === scheme))
    if (given.length) change.source = { ...change.source, ...Object.fromEntries(given) }
    if (tokens.touched()) change.source = { ...change.source, oauth: tokens.read() }
    return change
  }
  /** Offers the others only what is theirs, too. */
  function weigh() {
    const change = body()
    const common = held(change) ?? (Object.keys(change).length ? null : {})
    if (also) also.hold(common ? reaches(common) : () => false)
  }
  /** Marks two ways to sign in: of both the service would take one. */
  function choose({ source: { password, oauth, ...more } = {} }) {
    const admin = Object.keys(more).find((name) => name.startsWith('admin_'))
    if (oauth && password) fault(fields['source.password'], t('account.both_fault'))
    if (oauth && admin) fault(administrator.fields[`source.${admin}`], t('account.both_fault'))
    if (password && admin) fault(fields['source.password'], t('account.both_passwords_fault'))
  }
  async function save(event) {
    event.preventDefault()
    const change = body()
    for (const one of Object.values({ ...fields, ...administrator?.fields })) fault(one, '')
    choose(change)
    if (tokens.touched()) tokens.check()
    else tokens.clear()
    const wrong = form.querySelector('.wrong input, .wrong select, .wrong textarea')
    if (wrong) return wrong.focus()
    go.disabled = true
    try {
      if (Object.keys(change).length) await app.client.patch(`/accounts/${account.no}`, change)
      else await app.client.post(`/accounts/${account.no}/check`)
      app.tell(null)
      changed()
    } catch (problem) {
      go.disabled = false
      const rest = mark(problem, { ...fields, ...administrator?.fields, ...tokens.fields() })
      return show(failed, rest.map((part) => h('p', { class: 'notice bad' }, told(part.code ?? problem.code, part.detail))))
    }
    const more = also ? await also.chosen() : []
    if (more.length && box.open) spread(app, more, held(change), box, changed)
    else box.close()
  }
  async function remove() {
    try {
      await app.client.remove(`/accounts/${account.no}`)
      app.tell(null)
      box.close()
      changed()
    } catch (problem) {
      show(failed, h('p', { class: 'notice bad' }, explain(problem)))
    }
  }
  const away = account.pass === 0 && h('button', { type: 'button', class: 'quiet danger', onclick: remove }, t('account.discard'))
  const go = h('button', { type: 'submit', class: 'primary' }, t('account.save'))
  const form = h('form', { novalidate: true, onsubmit: save, oninput: weigh }, failed,
    h('h3', null, t('source')), h('div', { class: 'pair' }, fields['source.user'], fields['source.password']), administrator?.element, h('div', { class: 'server' }, fields['source.host'], fields['source.port'], fields['source.security']),
    sealed,
    h('h3', null, t('destination')), h('div', { class: 'pair' }, fields['destination.mailbox'], fields['destination.password']),
    also?.element,
    h('div', { class: 'buttons' }, away, h('button', { type: 'button', class: 'quiet', onclick: () => box.close() }, t('back')), go))
  const box = dialog(t('account.correct_title'), form)
}
