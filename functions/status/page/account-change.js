// Corrects an account: only what was changed is sent, and it is checked again.

import { dialog, fault, field, foreign, h, show } from './dom.js'
import { explain } from './explain.js'
import { mark } from './faults.js'
import { oauthFields } from './oauth.js'
import { presetAt } from './preset.js'
import { t, told } from './texts.js'

export function correct(app, account, changed) {
  const { source, destination } = account
  const text = (value, more) => h('input', { value, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', ...more })
  const secret = () => h('input', { type: 'password', autocomplete: 'off', placeholder: t('account.unchanged') })
  const administrator = Boolean(source.auth.administrator) || source.auth === 'administrator'
  const mailbox = Boolean(source.auth.workmail)
  const hint = administrator ? t('account.administrator_hint') : source.auth === 'oauth' ? t('account.oauth_hint') : undefined
  const imap = app.migration.destination.kind === 'imap'
  const inputs = {
    'source.user': text(source.user),
    'source.password': secret(),
    'source.host': text(source.host),
    'source.port': text(source.port, { type: 'number', min: 1, max: 65535 }),
    'source.security': h('select', null, ['tls', 'starttls', 'none'].map((one) => h('option', { value: one, selected: one === source.security }, t(`security.${one}`)))),
    'destination.mailbox': text(destination.mailbox),
    'destination.password': secret(),
  }
  const labels = {
    'source.user': 'account.source_user', 'source.password': 'account.source_password', 'source.host': 'provider.host', 'source.port': 'provider.port',
    'source.security': 'provider.security', 'destination.mailbox': imap ? 'account.address' : 'account.mailbox', 'destination.password': imap ? 'account.address_password' : 'account.mailbox_password',
  }
  const needed = imap || app.migration.destination.access === 'user'
  const offered = (name) => (name === 'destination.password' ? needed : !mailbox || !/^source\.(host|port|security)$/.test(name))
  const fields = Object.fromEntries(Object.entries(inputs).filter(([name]) => offered(name)).map(([name, input]) =>
    [name, field(t(labels[name]), input, { name, hint: name === 'source.password' ? hint : undefined })]))
  const tokens = oauthFields()
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
    if (tokens.touched()) change.source = { ...change.source, oauth: tokens.read() }
    return change
  }
  async function save(event) {
    event.preventDefault()
    const change = body()
    for (const one of Object.values(fields)) fault(one, '')
    // Of both the service would take the password.
    if (tokens.touched() && change.source.password) fault(fields['source.password'], t('account.both_fault'))
    if (tokens.touched()) tokens.check()
    else tokens.clear()
    const wrong = form.querySelector('.wrong input, .wrong textarea')
    if (wrong) return wrong.focus()
    try {
      if (Object.keys(change).length) await app.client.patch(`/accounts/${account.no}`, change)
      else await app.client.post(`/accounts/${account.no}/check`)
      app.tell(null)
      box.close()
      changed()
    } catch (problem) {
      const rest = mark(problem, { ...fields, ...tokens.fields() })
      show(failed, rest.map((part) => h('p', { class: 'notice bad' }, told(part.code ?? problem.code, part.detail))))
    }
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
  const form = h('form', { novalidate: true, onsubmit: save }, failed,
    h('h3', null, t('source')), h('div', { class: 'pair' }, fields['source.user'], fields['source.password']), h('div', { class: 'server' }, fields['source.host'], fields['source.port'], fields['source.security']),
    sealed,
    h('h3', null, t('destination')), h('div', { class: 'pair' }, fields['destination.mailbox'], fields['destination.password']),
    h('div', { class: 'buttons' }, away, h('button', { type: 'button', class: 'quiet', onclick: () => box.close() }, t('back')), h('button', { type: 'submit', class: 'primary' }, t('account.save'))))
  const box = dialog(t('account.correct_title'), form)
}

/** Shows the fingerprint of a certificate that no authority vouches for, and trusts it when the person says so. */
export function trust(app, account, changed) {
  const { fingerprint } = account.source.check
  const failed = h('div', { role: 'alert' })
  async function accept() {
    go.disabled = true
    try {
      await app.client.patch(`/accounts/${account.no}`, { source: { fingerprint } })
      app.tell(null)
      box.close()
      changed()
    } catch (problem) {
      go.disabled = false
      show(failed, h('p', { class: 'notice bad' }, explain(problem)))
    }
  }
  const go = h('button', { type: 'button', class: 'primary', onclick: accept }, t('account.trust'))
  const box = dialog(t('account.trust_title'), [failed, h('p', null, t('account.trust_text', { host: account.source.host })), h('p', { class: 'code' }, foreign(fingerprint))],
    [h('button', { type: 'button', class: 'quiet', onclick: () => box.close() }, t('back')), go])
}
