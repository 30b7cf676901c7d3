// Step 2: the accounts. First a list on this page; once it is sent, the live checks of the service.

import { client, Problem } from './api.js'
import { accountList } from './account-list.js'
import { EXAMPLE, account, check, decode, parse } from './csv.js'
import { fault, field, foreign, h, help, put, say, show } from './dom.js'
import { download } from './download.js'
import { mark } from './faults.js'
import { KIND_OF_ADMIN, oauthFields } from './oauth.js'
import { poll } from './poll.js'
import { presetAt } from './preset.js'
import { orderOf, sourceOf } from './provider.js'
import { brings, signIn } from './sign-in.js'
import { t } from './texts.js'

/** So many accounts go into one request; the service takes bodies of 4 MB. */
const AT_ONCE = 2000
/** So many rows of a table are shown before it is sent. */
const SHOWN = 20

export const accountsStep = (app) => (app.client ? live(app) : entering(app))

/** Tells whether each account brings the password of its destination. */
const asksDestination = ({ targetKind, access }) => targetKind === 'imap' || access === 'user'

/** Fields for one account; `taken` gets its row, and says `false` when it stays to be corrected. */
function entry(order, taken) {
  const imap = order.targetKind === 'imap'
  const text = (more) => h('input', { autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', ...more })
  const user = text({ placeholder: 'anna@example.net' })
  const password = text({ type: 'password' })
  const mailbox = text({ placeholder: 'anna@example.org', inputmode: 'email' })
  const destination = text({ type: 'password' })
  const fields = {
    user: field(t('account.source_user'), user, { hint: t('account.source_user_hint') }),
    password: brings(order) === 'password' && field(t('account.source_password'), password),
    mailbox: field(t(imap ? 'account.address' : 'account.mailbox'), mailbox, { hint: t(imap ? 'account.address_hint' : 'account.mailbox_hint') }),
    destination: asksDestination(order) && field(t(imap ? 'account.address_password' : 'account.mailbox_password'), destination),
  }
  const tokens = brings(order) === 'refresh_token' ? oauthFields() : null
  tokens?.draw(order.preset, ['refresh_token'])
  async function add(event) {
    event.preventDefault()
    const row = { source_user: user.value.trim(), source_password: password.value, ...(tokens && { source_oauth: tokens.read() }), destination_mailbox: mailbox.value.trim(), destination_password: destination.value }
    const codes = check([row]).map((one) => one.code)
    fault(fields.user, codes.includes('user') ? t('csv.user') : '')
    fault(fields.mailbox, codes.includes('mailbox') ? t('csv.mailbox', { value: row.destination_mailbox }) : '')
    if (fields.password) fault(fields.password, row.source_password ? '' : t('account.password_fault'))
    if (fields.destination) fault(fields.destination, row.destination_password ? '' : t('account.password_fault'))
    tokens?.check()
    const wrong = element.querySelector('.wrong input')
    if (wrong) return wrong.focus()
    button.disabled = true
    const kept = await taken([row], [])
    button.disabled = false
    if (kept === false) return
    for (const input of [user, password, mailbox, destination]) input.value = ''
    // The application is the same for the next mailbox.
    tokens?.renew()
    user.focus()
  }
  const button = h('button', { type: 'submit' }, t('account.add'))
  const element = h('form', { class: 'add', novalidate: true, onsubmit: add }, h('div', { class: 'pair' }, Object.values(fields)), tokens?.element, button)
  return element
}

function dropping(order, taken) {
  const file = h('input', { type: 'file', accept: '.csv,.tsv,.txt,text/csv', class: 'hidden', id: 'table' })
  async function readFile(one) {
    if (!one) return
    const { accounts, faults } = parse(decode(await one.arrayBuffer()))
    taken(accounts, faults, one.name)
    file.value = ''
  }
  file.addEventListener('change', () => readFile(file.files[0]))
  const over = (on) => (event) => {
    event.preventDefault()
    area.classList.toggle('over', on)
    if (event.type === 'drop') readFile(event.dataTransfer.files[0])
  }
  const area = h('div', { class: 'drop', ondragover: over(true), ondragleave: over(false), ondrop: over(false) },
    h('p', null, h('strong', null, t('csv.drop'))), file, h('label', { for: 'table', class: 'button' }, t('csv.choose')),
    h('p', { class: 'hint' }, t('csv.columns'), ' ', h('button', { type: 'button', class: 'link', onclick: () => download('mailcrane-example.csv', [EXAMPLE]) }, t('csv.example'))),
    brings(order) === 'refresh_token' && h('p', { class: 'hint' }, t('csv.no_tokens')))
  return area
}

function entering(app) {
  const { draft } = app
  const list = h('div')
  const count = h('span', { role: 'status' })
  const send = h('button', { type: 'button', class: 'primary', onclick: () => submit() })
  const skip = h('input', { type: 'checkbox', onchange: () => draw() })
  let faults = draft.faults ?? []

  function taken(rows, wrong, name) {
    const base = Math.max(0, ...draft.rows.map((one) => one.line ?? 0))
    if (name) {
      faults = wrong
      draft.rows = [...draft.rows.filter((row) => !row.line), ...rows]
    } else draft.rows.push(...rows.map((row) => ({ ...row, line: base ? undefined : row.line })))
    draft.faults = faults
    draw()
  }
  function signs(row) {
    if (row.source_password) return t('account.with_password')
    if (row.source_oauth) return t('account.with_token')
    if (row.source_admin_user) return t('account.with_administrator')
    if (brings(draft)) return t(brings(draft) === 'password' ? 'account.without_password' : 'account.without_token')
    return t(draft.sourceKind === 'imap' && draft.sourceAuth !== 'administrator' ? 'account.with_oauth' : 'account.with_administrator')
  }
  const bad = () => new Set(faults.map((one) => one.line))
  const good = () => (skip.checked ? draft.rows.filter((row) => !row.line || !bad().has(row.line)) : draft.rows)
  function draw() {
    const wrong = bad()
    const rows = draft.rows.toSorted((a, b) => wrong.has(b.line) - wrong.has(a.line)).slice(0, SHOWN)
    show(list,
      faults.length > 0 && h('div', { class: 'notice bad', role: 'alert' }, h('p', null, t('csv.faults', { n: wrong.size })),
        h('ul', null, faults.slice(0, 20).map((one) => h('li', null, t('csv.line', { n: one.line }), ' ', t(`csv.${one.code}`, { value: one.value })))),
        faults.length > 20 && h('p', null, t('problem.more', { n: faults.length - 20 })),
        draft.rows.length > 0 && h('label', { class: 'tick' }, skip, h('span', null, t('csv.skip')))),
      draft.rows.length > 0 && h('ul', { class: 'preview', 'aria-label': t('accounts.preview') }, rows.map((row) => h('li', { class: wrong.has(row.line) ? 'wrong' : '' },
        h('span', { class: 'ends' }, foreign(row.source_user || '–'), h('span', { class: 'arrow', 'aria-label': t('to') }, '→'), foreign(row.destination_mailbox || '–')),
        h('span', { class: 'hint' }, signs(row)),
        h('button', { type: 'button', class: 'quiet small', 'aria-label': t('account.remove_one', { name: row.source_user }), onclick: () => { draft.rows.splice(draft.rows.indexOf(row), 1); faults = faults.filter((one) => !row.line || one.line !== row.line); draft.faults = faults; draw() } }, t('account.remove'))))),
      draft.rows.length > SHOWN && h('p', { class: 'hint' }, t('accounts.more', { n: draft.rows.length - SHOWN })))
    const ready = good().length
    say(send, ready ? t('accounts.send', { n: ready }) : t('accounts.send_none'))
    say(count, draft.rows.length ? t('accounts.count', { n: draft.rows.length }) : '')
    send.disabled = !ready || (faults.length > 0 && !skip.checked)
  }
  async function submit() {
    send.disabled = true
    app.tell(null)
    const rows = good()
    try {
      draft.attempt ??= crypto.randomUUID()
      const operator = client(draft.key)
      say(send, t('accounts.sending', { done: 0, n: rows.length }))
      const made = await operator.post('', { ...orderOf(draft), accounts: rows.slice(0, AT_ONCE).map(account) }, draft.attempt)
      if (!made.token) return app.mailed()
      app.enter(made.id, made.token)
      await more(app, rows, AT_ONCE, (done) => say(send, t('accounts.sending', { done, n: rows.length })))
      draft.rows = []
      app.migration = await app.client.get()
      app.go('accounts')
    } catch (problem) {
      if (problem.status === 422 || problem.status === 400) draft.attempt = undefined
      if (app.client) app.go('accounts')
      const first = firstStep(problem)
      if (first && !app.client) {
        app.go('provider')
        const left = app.view.mark(problem)
        // What the accounts lack follows from what is marked here.
        const rest = left.filter((part) => !/^accounts\b/.test(part.field ?? ''))
        if (rest.length || left.length === problem.parts.length) app.tell(withRows(problem, rows))
        return
      }
      app.tell(withRows(problem, rows))
      scrollTo(0, 0)
      draw()
    }
  }
  const element = h('div', null,
    h('div', { class: 'lead' }, h('h1', { tabindex: '-1' }, t('accounts.title')), h('p', null, t('accounts.lead'))),
    h('section', { class: 'card' }, h('h2', null, t('accounts.one')), entry(draft, taken)),
    h('section', { class: 'card' }, h('h2', null, t('accounts.table')), dropping(draft, taken)),
    helps(draft),
    h('section', { class: 'card' }, h('h2', null, t('accounts.list'), ' ', h('span', { class: 'hint' }, count)), list, h('p', { class: 'hint' }, t('accounts.safe'))),
    h('div', { class: 'buttons step-buttons' }, h('button', { type: 'button', class: 'quiet', onclick: () => app.go('provider') }, t('back')), send))
  draw()
  return { element }
}

/** Tells whether a refusal is about what the first step asks. */
const firstStep = (problem) => problem instanceof Problem && problem.parts.some((part) => /^(source|destination|options|name|notify|language)\b/.test(part.field ?? ''))

/** Sends the accounts from the given one on. */
async function more(app, rows, from, progress) {
  for (let at = from; at < rows.length; at += AT_ONCE) {
    progress(at)
    await app.client.post('/accounts', { source: sourceOf(app.draft), accounts: rows.slice(at, at + AT_ONCE).map(account) })
  }
}

/** Names the line of the table for each account that the service refuses. */
function withRows(problem, rows) {
  if (!(problem instanceof Problem)) return problem
  for (const part of problem.parts) {
    const [, no] = /^accounts\.(\d+)/.exec(part.field ?? '') ?? []
    if (no !== undefined) part.place = part.field = `${rows[no]?.source_user ?? no}${part.field.replace(/^accounts\.\d+/, '')}`
  }
  return problem
}

function helps({ access, targetKind }) {
  return h('div', { class: 'helps' },
    help(t('help.workmail.title'), [t('help.workmail.1'), t('help.workmail.2'), t('help.workmail.3'), t('help.workmail.4')]),
    help(t('help.passwords.title'), t('help.passwords.1'), t('help.passwords.2')),
    targetKind !== 'imap' && access !== 'user' && help(t('help.administrator.title'), t('help.administrator.1'), t('help.administrator.2')))
}

function live(app) {
  const summary = h('p', { class: 'summary', role: 'status' })
  const list = accountList(app, { ticks: true })
  const adding = h('details', { class: 'more' }, h('summary', null, t('accounts.add_more')))
  adding.addEventListener('toggle', async () => {
    if (adding.childElementCount > 1) return
    const { access, kind } = app.migration.destination
    const first = (await app.client.get('/accounts?limit=1')).accounts[0]
    const opened = first?.source.auth.workmail
    if (opened) Object.assign(app.draft, { sourceKind: 'workmail', sourceAccess: opened })
    const sign = !opened && !app.draft.source.host && first ? await signInAgain(app.draft, first.source, () => draw()) : null
    const told = h('div', { role: 'alert' })
    const allowed = () => {
      const faults = sign?.faults() ?? []
      for (const [holder, text] of faults) fault(holder, text)
      const wrong = faults.find(([, text]) => text)
      wrong?.[0].querySelector('input, textarea').focus()
      return !wrong
    }
    const taken = async (rows, wrong) => {
      show(told, wrong.length > 0 && h('div', { class: 'notice bad' }, wrong.slice(0, 20).map((one) => h('p', null, t('csv.line', { n: one.line ?? 1 }), ' ', t(`csv.${one.code}`, { value: one.value })))))
      if (wrong.length || !allowed()) return false
      sign?.keep()
      try {
        await more(app, rows, 0, () => {})
        app.tell(null)
        await poller.now()
      } catch (problem) {
        const marked = sign && mark(problem, sign.fields()).length < (problem.parts ?? [problem]).length
        if (!marked) app.tell(withRows(problem, rows))
        return false
      }
    }
    const fields = h('div', { class: 'stack' })
    const draw = () => {
      const order = { ...app.draft, access, targetKind: kind }
      show(fields, entry(order, taken), dropping(order, taken))
    }
    draw()
    put(adding, h('div', { class: 'stack' }, sign?.element, fields, told))
  })
  async function refresh() {
    app.migration = await app.client.get()
    if (!['submitted', 'checking', 'ready'].includes(app.migration.state)) return app.go('observe')
    say(summary, checked(app.migration))
    await list.refresh(app.migration)
  }
  const poller = poll(refresh, 2000, { failed: app.tell, well: () => app.tell(null) })
  const element = h('div', null,
    h('div', { class: 'lead' }, h('h1', { tabindex: '-1' }, t('check.title')), h('p', null, t('check.lead'))),
    linkCard(app),
    h('section', { class: 'card' }, h('h2', null, t('accounts.list')), summary, list.element, adding),
    helps({ access: app.migration.destination.access, targetKind: app.migration.destination.kind }),
    h('div', { class: 'buttons step-buttons' }, h('button', { type: 'button', class: 'primary', onclick: () => app.go('confirm') }, t('check.next'))))
  return { element, stop: poller.stop }
}

/** Asks anew how one signs in: whoever comes back by the link alone has told this page nothing of it. */
async function signInAgain(draft, { host, port, security, auth }, changed) {
  Object.assign(draft.source, { host, port, security, admin_scheme: auth.administrator ?? 'auto' })
  draft.preset = await presetAt(host)
  const application = draft.preset?.admin in KIND_OF_ADMIN ? draft.preset.admin : 'oauth'
  draft.sourceAuth = auth.administrator ? 'administrator' : auth === 'oauth' ? application : 'password'
  return signIn(draft, changed)
}

/** Says how far the checks are, from the numbers of the API alone. */
function checked({ accounts, states, checked: done }) {
  if (!states) return t('check.progress', { done, n: accounts })
  const of = (...names) => names.reduce((sum, name) => sum + (states[name] ?? 0), 0)
  const failed = of('check_failed')
  const under = of('waiting', 'checking')
  return [t('check.progress', { done: accounts - under, n: accounts }), of('analyzing') && t('check.analyzing', { n: of('analyzing') }), failed && t('check.failed', { n: failed })].filter(Boolean).join(' ')
}

/** Says that the link is the key, and copies it. */
export function linkCard(app) {
  const copied = h('span', { role: 'status', class: 'hint' })
  const link = h('input', { readonly: true, value: location.href, 'aria-label': t('link.label'), onfocus: (event) => event.target.select() })
  const copy = async () => {
    await navigator.clipboard.writeText(location.href).then(() => say(copied, t('link.copied')), () => link.select())
  }
  return h('section', { class: 'card quiet-card' }, h('p', null, h('strong', null, t('link.keep')), ' ', t('link.keep_text')),
    h('div', { class: 'copy' }, link, h('button', { type: 'button', onclick: copy }, t('link.copy'))), copied)
}
