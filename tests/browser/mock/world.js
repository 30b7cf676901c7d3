// The mock's migrations: they go through the states by the clock, a little at every pulse.

const now = () => new Date().toISOString()
const zero = () => ({ found: 0, copied: 0, duplicate: 0, skipped: 0, failed: 0, vanished: 0, pending: 0, bytes_found: 0, bytes_done: 0 })
const hash = (text) => [...text].reduce((sum, one) => (sum * 31 + one.charCodeAt(0)) >>> 0, 7)
const FINGERPRINT = 'a1b2'.repeat(16)
/** Hostile names that must stay harmless. */
const FOLDERS = [['INBOX'], ['Gesendet'], ['Projekte', 'Übersicht 2024'], ['<script>alert(1)</script>'], ['=cmd()|\'calc\'!A1'], ['\u202Eevil\u202C "quoted"']]

/** Makes an account of what was sent. */
export function accountOf({ source, destination, selected = true }, defaults = {}) {
  const size = hash(source.user)
  return {
    no: 0, state: 'waiting', selected, pass: 0,
    source: { host: source.host ?? defaults.host, port: defaults.port ?? 993, security: 'tls', user: source.user, auth: source.password ? 'password' : source.oauth || (defaults.oauth && !source.admin_user) ? 'oauth' : { administrator: defaults.admin_scheme ?? 'auto' }, oauth_kind: source.password || source.admin_user ? undefined : (source.oauth ?? defaults.oauth)?.kind, check: { state: 'pending' } },
    destination: { mailbox: destination.mailbox, check: { state: 'pending' } },
    analysis: { folders: 0, messages: 0, bytes: 0, recent_messages: 0, recent_bytes: 0, too_large: 0, destination_items: 0, complete: false, milliseconds: 0 },
    totals: zero(), waits: [], size: 900 + (size % 2600), wrong: [source.password ?? defaults.admin_password ?? defaults.oauth?.client_secret, source.oauth?.refresh_token].includes('wrong'), unknown: source.user.startsWith('selfsigned'),
  }
}

/** Makes a migration of an order. */
export function migrationOf(order, id, token) {
  const view = {
    id, name: order.name ?? '', state: 'submitted', created: now(), notify: order.notify ?? [], language: order.language, destination: order.destination, options: order.options ?? {},
    accounts: 0, checked: 0, pass: { no: 0, kind: 'full' }, totals: zero(), waits: [], links: {},
  }
  const one = {
    view, token, accounts: [], age: 0,
    add(list) {
      for (const account of list) this.accounts.push(Object.assign(account, { no: this.accounts.length }))
      view.accounts = this.accounts.length
      if (view.state === 'ready') view.state = 'checking'
    },
    change(state, kind) {
      view.state = state
      if (state === 'running') begin(this, kind ?? view.pass.kind)
    },
    correct(account, change) {
      if (change.selected !== undefined) account.selected = change.selected
      if (!change.source && !change.destination) return
      const { password, oauth, admin_password: admin, admin_scheme: scheme } = change.source ?? {}
      if (password || admin) account.wrong = (password ?? admin) === 'wrong'
      if (password) Object.assign(account.source, { auth: 'password', oauth_kind: undefined })
      if (oauth) Object.assign(account, { wrong: oauth.client_secret === 'wrong', source: { ...account.source, auth: 'oauth', oauth_kind: oauth.kind } })
      if (scheme && account.source.auth.administrator) account.source.auth = { administrator: scheme }
      for (const name of ['host', 'port', 'security']) if (change.source?.[name]) account.source[name] = change.source[name]
      if (change.source?.fingerprint) account.unknown = change.source.fingerprint !== FINGERPRINT
      if (change.source?.user) account.source.user = change.source.user
      if (change.destination?.mailbox) account.destination.mailbox = change.destination.mailbox
      account.source.check = account.destination.check = { state: 'pending' }
      Object.assign(account, { state: 'waiting', error: undefined, error_code: undefined })
      if (['ready', 'submitted'].includes(view.state)) view.state = 'checking'
    },
    show() {
      const states = {}
      const totals = zero()
      for (const account of this.accounts) {
        states[account.state] = (states[account.state] ?? 0) + 1
        if (account.selected) for (const name of Object.keys(totals)) totals[name] += account.totals[name]
      }
      view.waits = this.accounts.flatMap((account) => account.waits)
      return { ...view, totals, states: this.accounts.length <= 1000 ? states : undefined, estimate: totals.pending || this.accounts.some((one) => one.analysis.complete) ? { seconds_low: 1500, seconds_high: 5400, bottleneck: 'source' } : undefined, checked: this.accounts.filter((account) => !['waiting', 'checking'].includes(account.state)).length }
    },
    part,
  }
  one.add(order.accounts.map((account) => accountOf(account, order.source)))
  return one
}

function begin(one, kind) {
  if (kind === 'resume') return
  Object.assign(one.view, { pass: { no: one.view.pass.no + 1, kind }, started: one.view.started ?? now(), ended: undefined })
  for (const account of one.accounts) {
    if (!account.selected || ['check_failed', 'waiting', 'checking', 'cancelled'].includes(account.state)) continue
    if (['copying', 'verifying', 'queued'].includes(account.state)) continue
    const found = kind === 'trial' ? Math.round(account.size / 9) : account.size - account.totals.found + (kind === 'delta' ? 12 : 0)
    Object.assign(account, { state: 'queued', pass: one.view.pass.no, started: now(), ended: undefined, grade: undefined, error: undefined })
    account.totals.found += Math.max(0, found)
    account.totals.bytes_found = account.totals.found * 61_000
    account.totals.pending = Math.max(0, found)
  }
}

function step(account, speed) {
  const { totals, analysis } = account
  const fill = { checking: () => (account.source.check = { state: account.wrong || account.unknown ? 'failed' : 'passed', at: now(), ...(account.unknown && { code: 'source.certificate', message: 'no authority vouches for the certificate', fingerprint: FINGERPRINT }), ...(account.wrong && { code: 'source.wrong_password', message: 'the server refuses user and password; compare both with what the user enters' }) }) }
  if (account.state === 'waiting') account.state = 'checking'
  else if (account.state === 'checking') {
    fill.checking()
    const gone = !account.created && account.destination.mailbox.startsWith('nobody')
    account.destination.check = { state: gone ? 'failed' : 'passed', at: now(), ...(gone && { code: 'destination.no_such_mailbox', message: `WorkMail has no mailbox ${account.destination.mailbox}; create the user first` }) }
    account.state = account.wrong || account.unknown || gone ? 'check_failed' : 'analyzing'
  } else if (account.state === 'analyzing') {
    Object.assign(analysis, { folders: FOLDERS.length, messages: account.size, bytes: account.size * 61_000, recent_messages: Math.round(account.size / 9), recent_bytes: Math.round(account.size / 9) * 61_000, too_large: account.no % 3 === 0 ? 1 : 0, complete: true, milliseconds: 900 })
    account.state = 'ready'
  } else if (account.state === 'copying') {
    if (!totals.pending) return void (account.state = 'verifying')
    const share = Math.min(totals.pending, Math.ceil(account.size / 40 * speed * (0.6 + Math.random())))
    totals.pending -= share
    const odd = totals.pending === 0 ? { failed: account.no % 4 === 1 ? 1 : 0, skipped: account.no % 3 === 0 ? 1 : 0, duplicate: 4 } : {}
    let rest = share
    for (const [name, value] of Object.entries(odd)) { totals[name] += Math.min(rest, value); rest -= Math.min(rest, value) }
    totals.copied += rest
    totals.bytes_done = (totals.found - totals.pending) * 61_000
    account.waits = account.no % 5 === 2 && Math.random() < 0.5 ? [{ account: account.no, code: 'destination.busy', message: 'WorkMail asks for a pause', until: new Date(Date.now() + 45e3).toISOString() }] : []
  } else if (account.state === 'verifying') {
    Object.assign(account, { state: totals.failed ? 'done_with_errors' : 'done', grade: totals.failed || totals.skipped ? 'complete_with_exceptions' : 'complete', ended: now(), waits: [] })
  }
}

/** Lets a little time go by. */
export function pulse(one, speed) {
  const { view, accounts } = one
  one.age += 1
  const rests = () => accounts.every((account) => !['waiting', 'checking', 'analyzing'].includes(account.state))
  if (one.held) return
  if (view.state === 'submitted') view.state = 'checking'
  else if (view.state === 'checking') {
    accounts.filter((account) => ['waiting', 'checking', 'analyzing'].includes(account.state)).slice(0, 40).forEach((account) => step(account, speed))
    if (rests()) view.state = 'ready'
  } else if (view.state === 'scheduled' && new Date(view.start_at) <= new Date()) one.change('running', 'full')
  else if (view.state === 'running') {
    accounts.filter((account) => account.selected && ['waiting', 'checking', 'analyzing'].includes(account.state)).forEach((account) => step(account, speed))
    const active = accounts.filter((account) => ['copying', 'verifying'].includes(account.state))
    active.forEach((account) => step(account, speed))
    accounts.filter((account) => account.state === 'queued').slice(0, Math.max(0, 4 - active.length)).forEach((account) => (account.state = 'copying'))
    if (!accounts.some((account) => ['queued', 'copying', 'verifying'].includes(account.state))) {
      const bad = accounts.some((account) => account.state === 'done_with_errors')
      Object.assign(view, { state: bad ? 'finished_with_errors' : 'finished', ended: now(), keep_until: new Date(Date.now() + 14 * 86400e3).toISOString() })
    }
  } else if (view.state === 'pausing') view.state = 'paused'
  else if (view.state === 'cancelling') {
    accounts.forEach((account) => Object.assign(account, { state: 'cancelled', waits: [] }))
    Object.assign(view, { state: 'cancelled', ended: now() })
  } else if (view.state === 'erasing' && one.age % 8 === 0) view.state = 'erased'
}

function part(account, what, query) {
  const { totals } = account
  if (what === 'folders') {
    return { status: 200, body: { next: null, folders: FOLDERS.map((path, no) => ({ no, path, destination_path: path[0] === 'INBOX' ? ['Inbox'] : path, totals: { ...totals, found: Math.round(totals.found / FOLDERS.length), copied: Math.round(totals.copied / FOLDERS.length), failed: no ? 0 : totals.failed } })) } }
  }
  if (query.get('format') === 'csv') {
    const from = Number(query.get('cursor') ?? 0)
    return { csv: `folder,uid,outcome\r\n${Array.from({ length: 3 }, (_, no) => `INBOX,${from * 3 + no + 1},copied\r\n`).join('')}`, next: from < 2 ? String(from + 1) : null }
  }
  const entries = [
    { kind: 'pause', code: 'destination.busy', message: 'WorkMail asked for a pause of 12 s', at: now() },
    { kind: 'failed', code: 'destination.refused', message: 'WorkMail refused the message: ErrorInvalidMimeContent', folder: 'INBOX', uid: 4711, message_id: '<b2f9"><img src=x onerror=alert(1)>@example.net>', octets: 48213 },
    { kind: 'skipped', code: 'too_large.message', message: 'the message has 41,943,040 octets, WorkMail takes less', folder: 'Projekte/Übersicht 2024', uid: 12, octets: 41943040 },
    ...Array.from({ length: 4 }, (_, no) => ({ kind: 'duplicate', code: 'duplicate.source', message: 'equals a message of the same folder', folder: FOLDERS[no].join('/'), uid: 100 + no, message_id: `<${no}@example.net>`, octets: 2100 })),
  ].filter((one) => (!query.get('kind') || one.kind === query.get('kind')) && (!query.get('q') || JSON.stringify(one).toLowerCase().includes(query.get('q').toLowerCase())))
  return { status: 200, body: { entries, next: null } }
}
