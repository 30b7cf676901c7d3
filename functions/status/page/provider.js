// Step 1: where the mail comes from, who may write to its destination, and who is told.

import { client, offers, read } from './api.js'
import { choice, fault, field, h, help, show } from './dom.js'
import { mark } from './faults.js'
import { optionFields } from './options.js'
import { presetAt } from './preset.js'
import { signIn, signInOf } from './sign-in.js'
import { current, t } from './texts.js'

/** Asks for the server behind an address that no known provider has. */
async function discovered(email) {
  if (!/^[^\s@]+@[^\s@]+\.[^\s@]{2,}$/.test(email) || !(await offers('get', '/v1/discovery'))) return []
  const answer = await read(`/v1/discovery?email=${encodeURIComponent(email)}`).catch(() => null)
  return (answer?.candidates ?? []).slice(0, 6).map((one) => ({ ...one, id: `${one.host}:${one.port}`, name: one.name || one.host }))
}

export function providerStep(app) {
  const { draft } = app
  const key = h('input', { type: 'password', autocomplete: 'off', spellcheck: 'false', value: draft.key })
  const find = h('input', { type: 'search', autocomplete: 'off', spellcheck: 'false', placeholder: t('provider.search_example') })
  const found = h('ul', { class: 'providers', 'aria-label': t('provider.found') })
  const note = h('p', { class: 'notice', role: 'status', hidden: true })
  const host = h('input', { value: draft.source.host, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', placeholder: 'imap.example.org' })
  const port = h('input', { type: 'number', min: 1, max: 65535, value: draft.source.port, inputmode: 'numeric' })
  const security = h('select', null, ['tls', 'starttls', 'none'].map((one) => h('option', { value: one, selected: one === draft.source.security }, t(`security.${one}`))))
  const name = h('input', { value: draft.name, maxlength: 200, autocomplete: 'organization' })
  const notify = h('input', { type: 'email', multiple: true, value: draft.notify, autocomplete: 'email', placeholder: 'info@example.org' })
  const options = optionFields(draft.options)
  const target = {
    host: h('input', { value: draft.target.host, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', placeholder: 'imap.example.org' }),
    port: h('input', { type: 'number', min: 1, max: 65535, value: draft.target.port, inputmode: 'numeric' }),
    security: h('select', null, ['tls', 'starttls', 'none'].map((one) => h('option', { value: one, selected: one === draft.target.security }, t(`security.${one}`)))),
  }

  const hostField = field(t('provider.host'), host, { hint: t('provider.host_hint') })
  const portField = field(t('provider.port'), port)
  const keyField = field(t('access.key'), key, { hint: t('access.key_hint') })
  const sign = signIn(draft)
  const imapParts = [h('div', { class: 'server' }, hostField, portField, field(t('provider.security'), security)), sign.element]
  const access = choice(t('access.title'), 'access', (draft.voucher ? ['user'] : ['administrator', 'impersonation', 'user']).map((value) => ({ value, label: t(`access.${value}`), hint: t(`access.${value}_hint`) })), draft.access)
  const targetFields = { host: field(t('target.host'), target.host, { hint: t('provider.host_hint') }), port: field(t('target.port'), target.port), security: field(t('target.security'), target.security) }
  const prepare = [
    help(t('help.workmail.title'), [t('help.workmail.1'), t('help.workmail.2'), t('help.workmail.3'), t('help.workmail.4')]),
    help(t('help.administrator.title'), t('help.administrator.1'), t('help.administrator.2')),
  ]
  const server = h('div', { class: 'server' }, Object.values(targetFields))
  const kinds = (name, chosen) => choice(t(`${name}.kind`), `${name}_kind`, (name === 'source' ? ['imap', 'workmail'] : ['workmail', 'imap']).map((value) => ({ value, label: t(`${name}.${value}`), hint: t(`${name}.${value}_hint`) })), chosen, draw)
  const sourceKind = kinds('source', draft.sourceKind)
  const targetKind = kinds('destination', draft.targetKind)
  // Whoever opens a source without its password is the operator; the others are not offered it.
  const opening = choice(t('source.access'), 'source_access', ['user', 'administrator', 'impersonation'].map((value) => ({ value, label: t(`source.access.${value}`), hint: t(`source.access.${value}_hint`) })), draft.sourceAccess)
  const operatorOnly = h('p', { class: 'hint' }, t('source.access.operator'))
  let operator = draft.operator ?? false
  function draw() {
    const [mailbox, imap] = [sourceKind.read() === 'workmail', targetKind.read() === 'imap']
    for (const one of imapParts) one.hidden = mailbox
    if (mailbox) for (const one of [searching, found, note]) one.hidden = true
    else searching.hidden = found.hidden = !searches
    opening.group.hidden = !mailbox
    operatorOnly.hidden = !mailbox || operator
    for (const input of opening.group.querySelectorAll('input')) input.closest('label').hidden = input.value !== 'user' && !operator
    if (!operator && opening.read() !== 'user') opening.group.querySelector('input[value=user]').checked = true
    access.group.hidden = imap
    server.hidden = !imap
    for (const one of prepare) one.hidden = imap
  }
  /** Asks whether the key is the operator's: a voucher is not let in there. */
  async function recognise() {
    const asked = key.value.trim()
    const known = asked !== '' && !draft.voucher && (await client(asked).get('?limit=1').then(() => true, () => false))
    if (asked !== key.value.trim()) return
    operator = known
    draw()
  }
  key.addEventListener('change', recognise)

  function take(one) {
    draft.provider = one
    find.value = one.name
    host.value = one.host
    port.value = one.port
    security.value = one.security
    fault(hostField, '')
    list()
    const text = one.hint?.[current()] ?? (one.note && t(`provider.note.${one.note}`))
    note.hidden = !text
    show(note, text)
    if (one.domains) sign.know({ admin: one.admin, oauth: one.oauth, auth: one.auth }, { taken: true })
    else learn({ auth: one.auth })
  }
  /** Learns how one signs in at the host that was entered. */
  async function learn(found) {
    const name = host.value
    const known = (await presetAt(name)) ?? (found && { admin: null, oauth: null, ...found })
    if (name === host.value) sign.know(known ?? null, { taken: Boolean(found) })
  }
  host.addEventListener('change', () => learn())
  let asked = 0, waits, searches = false
  async function list() {
    const mine = ++asked
    const query = new URLSearchParams({ limit: '6', ...(find.value.trim() && { q: find.value.trim() }) })
    const answer = await read(`/v1/providers?${query}`).catch(() => null)
    if (answer && !answer.providers.length) answer.providers = await discovered(find.value.trim())
    if (mine !== asked || !answer) return
    const chosen = draft.provider?.id
    show(found, answer.providers.map((one) => h('li', null, h('button', { type: 'button', class: one.id === chosen ? 'provider chosen' : 'provider', 'aria-pressed': String(one.id === chosen), onclick: () => take(one) },
      h('strong', null, one.name), h('span', { class: 'hint' }, one.host)))), !answer.providers.length && h('li', { class: 'hint' }, t('provider.none')))
  }
  const searching = field(t('provider.search'), find, { hint: t('provider.search_hint') })
  searching.hidden = true
  offers('get', '/v1/providers').then((offered) => {
    searches = offered
    draw()
    if (offered) list()
  })
  find.addEventListener('input', () => {
    clearTimeout(waits)
    waits = setTimeout(list, 400)
  })

  function keep() {
    Object.assign(draft, { key: key.value.trim(), operator, name: name.value.trim(), notify: notify.value.trim(), access: access.read(), sourceKind: sourceKind.read(), sourceAccess: opening.read(), targetKind: targetKind.read() })
    Object.assign(draft.source, { host: host.value.trim(), port: Number(port.value), security: security.value })
    sign.keep()
    draft.target = { host: target.host.value.trim(), port: Number(target.port.value), security: target.security.value }
    const read = options.read()
    draft.options = read ?? draft.options
    return read !== null
  }
  function next(event) {
    event.preventDefault()
    const good = keep()
    const [mailbox, imap] = [draft.sourceKind === 'workmail', draft.targetKind === 'imap']
    const host = (one, key) => (/^[\w.:[\]-]+$/.test(one.host) ? '' : t(key))
    const port = (one) => (one.port >= 1 && one.port <= 65535 ? '' : t('provider.port_fault'))
    const faults = [
      [hostField, mailbox ? '' : host(draft.source, 'provider.host_fault')],
      [portField, mailbox ? '' : port(draft.source)],
      [targetFields.host, imap ? host(draft.target, 'target.host_fault') : ''],
      [targetFields.port, imap ? port(draft.target) : ''],
      [notify.parentElement, notify.value && !notify.checkValidity() ? t('order.notify_fault') : ''],
      ...(mailbox ? [] : sign.faults()),
      [notify.parentElement, draft.key || draft.notify ? '' : t('access.trial_fault')],
    ]
    for (const [holder, text] of faults) fault(holder, text)
    const wrong = faults.find(([, text]) => text)
    if (wrong) return wrong[0].querySelector('input, textarea').focus()
    if (!good) {
      const first = element.querySelector('.wrong input, .wrong textarea')
      first.closest('details').open = true
      return first.focus()
    }
    app.go('accounts')
  }

  const element = h('form', { novalidate: true, onsubmit: next },
    h('div', { class: 'lead' }, h('h1', { tabindex: '-1' }, t('provider.title')), h('p', null, t('provider.lead'))),
    h('section', { class: 'card' }, h('h2', null, t('provider.source')),
      sourceKind.group, searching, found, note,
      ...imapParts, opening.group, operatorOnly,
      help(t('help.source.title'), t('help.source.1'), t('help.source.2'), t('help.source.3'))),
    h('section', { class: 'card' }, h('h2', null, t('access.heading')), targetKind.group, server, access.group,
      ...prepare),
    h('section', { class: 'card' }, h('h2', null, t('order.title')),
      h('div', { class: 'pair' }, field(t('order.name'), name, { hint: t('order.name_hint') }), field(t('order.notify'), notify, { hint: t('order.notify_hint') })),
      keyField,
      h('details', { class: 'more' }, h('summary', null, t('options.title')),
        options.element)),
    h('div', { class: 'buttons step-buttons' }, h('button', { type: 'submit', class: 'primary' }, t('provider.next'))))
  const named = { 'source.host': hostField, 'source.port': portField, 'destination.host': targetFields.host, 'destination.port': targetFields.port, name: name.parentElement, notify: notify.parentElement, ...options.fields }
  draw()
  if (draft.key && !draft.voucher && !operator) recognise()
  return { element, keep, mark: (problem) => mark(problem, { ...named, ...sign.fields() }) }
}

/** Makes the body of a new order, all but its accounts. */
export function orderOf(draft) {
  return {
    name: draft.name,
    notify: draft.notify.split(',').map((one) => one.trim()).filter(Boolean),
    language: current(),
    source: sourceOf(draft),
    destination: draft.targetKind === 'imap' ? { kind: 'imap', ...draft.target } : { kind: 'workmail', access: draft.access },
    options: draft.options,
  }
}

/** Says what holds for all sources of an order. */
export function sourceOf(draft) {
  if (draft.sourceKind === 'workmail') return { kind: 'workmail', access: draft.sourceAccess }
  const { host, port, security } = draft.source
  return { host, port, security, ...signInOf(draft) }
}
