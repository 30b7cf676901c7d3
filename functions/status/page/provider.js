// Step 1: where the mail comes from, who may write to its destination, and who is told.

import { offers, read } from './api.js'
import { choice, fault, field, h, help, show } from './dom.js'
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
  const adminUser = h('input', { value: draft.source.admin_user, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' })
  const adminPassword = h('input', { type: 'password', value: draft.source.admin_password, autocomplete: 'off' })
  const exclude = h('input', { value: draft.options.exclude_folders, placeholder: 'Spam, Trash/*' })
  const since = h('input', { type: 'date', value: draft.options.since })
  const under = h('input', { value: draft.options.under_folder, maxlength: 250 })
  const deleted = h('input', { type: 'checkbox', checked: draft.options.include_deleted })

  const hostField = field(t('provider.host'), host, { hint: t('provider.host_hint') })
  const portField = field(t('provider.port'), port)
  const keyField = field(t('access.key'), key, { hint: t('access.key_hint') })
  const adminFields = h('div', { class: 'pair', hidden: draft.sourceAuth !== 'administrator' }, field(t('provider.admin_user'), adminUser), field(t('provider.admin_password'), adminPassword))
  const auth = choice(t('provider.auth'), 'source_auth', ['password', 'administrator'].map((value) => ({ value, label: t(`auth.${value}`), hint: t(`auth.${value}_hint`) })),
    draft.sourceAuth, (value) => { adminFields.hidden = value !== 'administrator' })
  const access = choice(t('access.title'), 'access', (draft.voucher ? ['user'] : ['administrator', 'impersonation', 'user']).map((value) => ({ value, label: t(`access.${value}`), hint: t(`access.${value}_hint`) })), draft.access)

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
  }
  let asked = 0, waits
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
    searching.hidden = !offered
    if (offered) list()
  })
  find.addEventListener('input', () => {
    clearTimeout(waits)
    waits = setTimeout(list, 400)
  })

  function keep() {
    Object.assign(draft, { key: key.value.trim(), name: name.value.trim(), notify: notify.value.trim(), sourceAuth: auth.read(), access: access.read() })
    draft.source = { host: host.value.trim(), port: Number(port.value), security: security.value, admin_user: adminUser.value.trim(), admin_password: adminPassword.value }
    draft.options = { exclude_folders: exclude.value, since: since.value, under_folder: under.value.trim(), include_deleted: deleted.checked }
  }
  function next(event) {
    event.preventDefault()
    keep()
    const faults = [
      [hostField, /^[\w.:[\]-]+$/.test(draft.source.host) ? '' : t('provider.host_fault')],
      [portField, draft.source.port >= 1 && draft.source.port <= 65535 ? '' : t('provider.port_fault')],
      [notify.parentElement, notify.value && !notify.checkValidity() ? t('order.notify_fault') : ''],
      [adminUser.parentElement, draft.sourceAuth === 'administrator' && !draft.source.admin_user ? t('provider.admin_fault') : ''],
      [notify.parentElement, draft.key || draft.notify ? '' : t('access.trial_fault')],
    ]
    for (const [holder, text] of faults) fault(holder, text)
    const wrong = faults.find(([, text]) => text)
    if (wrong) return wrong[0].querySelector('input').focus()
    app.go('accounts')
  }

  const element = h('form', { novalidate: true, onsubmit: next },
    h('div', { class: 'lead' }, h('h1', { tabindex: '-1' }, t('provider.title')), h('p', null, t('provider.lead'))),
    h('section', { class: 'card' }, h('h2', null, t('provider.source')),
      searching, found, note,
      h('div', { class: 'server' }, hostField, portField, field(t('provider.security'), security)),
      auth.group, adminFields,
      help(t('help.source.title'), t('help.source.1'), t('help.source.2'), t('help.source.3'))),
    h('section', { class: 'card' }, h('h2', null, t('access.heading')), access.group,
      help(t('help.workmail.title'), [t('help.workmail.1'), t('help.workmail.2'), t('help.workmail.3'), t('help.workmail.4')]),
      help(t('help.administrator.title'), t('help.administrator.1'), t('help.administrator.2'))),
    h('section', { class: 'card' }, h('h2', null, t('order.title')),
      h('div', { class: 'pair' }, field(t('order.name'), name, { hint: t('order.name_hint') }), field(t('order.notify'), notify, { hint: t('order.notify_hint') })),
      keyField,
      h('details', { class: 'more' }, h('summary', null, t('options.title')),
        h('div', { class: 'pair' }, field(t('options.exclude'), exclude, { hint: t('options.exclude_hint') }), field(t('options.since'), since, { hint: t('options.since_hint') })),
        field(t('options.under'), under, { hint: t('options.under_hint') }),
        h('label', { class: 'tick' }, deleted, h('span', null, t('options.deleted'))))),
    h('div', { class: 'buttons step-buttons' }, h('button', { type: 'submit', class: 'primary' }, t('provider.next'))))
  return { element, keep }
}

/** Makes the body of a new order, all but its accounts. */
export function orderOf(draft) {
  const { source, options } = draft
  const folders = options.exclude_folders.split(',').map((one) => one.trim()).filter(Boolean)
  return {
    name: draft.name,
    notify: draft.notify.split(',').map((one) => one.trim()).filter(Boolean),
    language: current(),
    source: sourceOf(draft),
    destination: { kind: 'workmail', access: draft.access },
    options: {
      include_deleted: options.include_deleted,
      exclude_folders: folders,
      ...(options.since && { since: new Date(`${options.since}T00:00`).toISOString() }),
      ...(options.under_folder && { under_folder: options.under_folder }),
    },
  }
}

/** Says what holds for all sources of an order. */
export function sourceOf({ source, sourceAuth }) {
  const { host, port, security, admin_user, admin_password } = source
  return { host, port, security, ...(sourceAuth === 'administrator' && { admin_user, admin_password }) }
}
