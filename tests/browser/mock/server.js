// A stand-in of the API for developing and testing the page alone. It keeps migrations in memory and moves nothing.
// The deployed local stack is the judge of the real API; this only answers in the same shapes.

import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { faultsOf, signInFaults } from './oauth.js'
import { accountOf, migrationOf, pulse } from './world.js'

const PAGE = new URL('../../../functions/status/page/', import.meta.url)
const PROVIDERS = new URL('../../../shared/providers/providers.json', import.meta.url)
const OPENAPI = new URL('../../../functions/status/openapi.json', import.meta.url)
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
export const KEY = 'mock-operator-key'
export const VOUCHER = 'abcde-fghjk-mnpqr-stvwx'

const problem = (status, code, detail, more = {}) => ({ status, body: { type: `urn:mailcrane:problem:${code}`, title: code, status, code, detail, ...more } })
const refused = (parts) => problem(422, parts[0].code, parts[0].detail, { field: parts[0].field, errors: parts, errors_total: parts.length })
const UNDOING = () => problem(409, 'undo.under_way', 'changing the migration is not possible while an undo is under way; try again in some minutes')
const ACTIONS = {
  start: [['submitted', 'checking', 'ready', 'scheduled', 'finished', 'finished_with_errors', 'failed'], 'running'],
  delta: [['finished', 'finished_with_errors', 'failed'], 'running'],
  pause: [['running'], 'pausing'],
  resume: [['pausing', 'paused'], 'running'],
  cancel: [['submitted', 'checking', 'ready', 'scheduled', 'running', 'pausing', 'paused'], 'cancelling'],
  retry: [['running', 'finished_with_errors', 'failed'], 'running'],
  keep: [['finished', 'finished_with_errors', 'failed', 'cancelled'], null],
  undo: [['finished', 'finished_with_errors', 'failed', 'cancelled'], null],
}

/** Says what a start would do, in the shape of the API. */
function rehearsal(one, action, { kind = action === 'delta' ? 'delta' : 'full', at }, from) {
  const taking = one.accounts.filter((each) => each.selected && each.state !== 'check_failed')
  const sum = (name) => taking.reduce((all, each) => all + each.analysis[name], 0)
  const folders = [['INBOX'], ['Gesendet'], ['Projekte', 'Übersicht 2024'], ['<script>alert(1)</script>'], ['Spam']]
  const out = one.view.options.exclude_folders ?? []
  return {
    dry_run: true, kind, begins: at === 'now' || !at ? new Date().toISOString() : at,
    refusals: from.includes(one.view.state) ? [] : [{ code: 'state.illegal', field: null, detail: 'not possible' }],
    accounts: { copied: taking.length, unticked: one.accounts.filter((each) => !each.selected).length, check_failed: one.accounts.filter((each) => each.state === 'check_failed').length, uncounted: taking.filter((each) => !each.analysis.complete).length },
    messages: sum(kind === 'trial' ? 'recent_messages' : 'messages'), bytes: sum(kind === 'trial' ? 'recent_bytes' : 'bytes'), at_most: kind === 'delta' || kind === 'prestage', too_large: sum('too_large'),
    folders: folders.map((path) => ({ account: 0, path, destination_path: out.includes(path[0]) ? null : path, skipped: out.includes(path[0]) ? 'left out by the user' : null })), more_folders: one.accounts.length > 10,
    estimate: { seconds_low: 1500, seconds_high: 5400, bottleneck: 'source' },
  }
}

/** Starts the mock; gives its address, its migrations and a way to end it. */
export async function start({ port = 0, undo = false, speed = 1 } = {}) {
  const migrations = new Map()
  const calls = []
  const exports = new Map()
  const refusals = []
  const timer = setInterval(() => migrations.forEach((one) => pulse(one, speed)), 200)

  function find(request, id) {
    const one = migrations.get(id)
    const bearer = request.headers.authorization?.replace('Bearer ', '')
    return one && (bearer === one.token || bearer === KEY) ? one : null
  }
  /** Takes the refusal that a test has laid ready for a request. */
  function refusal({ method }, { pathname }) {
    const at = refusals.findIndex((one) => one.method === method && pathname.endsWith(one.path))
    return at < 0 ? null : refusals.splice(at, 1)[0]
  }
  function mailboxes(request, one, body) {
    if (request.headers.authorization !== `Bearer ${KEY}`) return problem(403, 'access.operator_only', 'this needs the operator key')
    return { status: 200, body: { mailboxes: body.mailboxes.map(({ account: no, user }) => {
      const account = one.accounts[no]
      const mailbox = account.destination.mailbox
      if (user === 'taken') return { account: no, mailbox, state: 'failed', error_code: 'destination.user_name_taken', error: 'the organisation has a user of that name' }
      account.created = true
      one.correct(account, { destination: { mailbox } })
      return { account: no, mailbox, state: 'created', user, temporary_password: 'abcDE-23456-fghJK-mnpQR' }
    }) } }
  }
  function act(one, action, body) {
    const [from, to] = ACTIONS[action] ?? []
    if (action === 'confirm') {
      one.view.unconfirmed = false
      return { status: 202, body: one.show() }
    }
    if (action === 'start' && one.view.needs_voucher && body.kind !== 'trial' && body.voucher !== VOUCHER) return problem(422, 'voucher.refused', 'is not a voucher', { field: 'voucher' })
    if (body.dry_run) return { status: 200, body: rehearsal(one, action, body, from) }
    if (!from) return problem(404, 'not_found', 'there is no such route')
    if (one.undoing && action !== 'undo') return UNDOING()
    if (!from.includes(one.view.state)) return problem(409, 'state.illegal', `${action} is not possible while the migration is ${one.view.state}`)
    if (action === 'keep') one.view.keep_until = new Date(Date.now() + 14 * 86400e3).toISOString()
    else if (action === 'start' && body.at && body.at !== 'now') Object.assign(one.view, { state: 'scheduled', start_at: body.at })
    else if (to) one.change(to, action === 'resume' ? 'resume' : action === 'delta' || action === 'retry' ? 'delta' : body.kind ?? 'full')
    return { status: 202, body: one.show() }
  }
  function accounts(one, method, rest, query, body) {
    const [no, action] = rest
    if (no === undefined) {
      if (method === 'POST') {
        const faults = signInFaults(body)
        if (faults.length) return refused(faults)
        one.add(body.accounts.map((given) => accountOf(given, body.source)))
        return { status: 201, body: { accounts: one.view.accounts } }
      }
      const from = Number(query.get('cursor') ?? 0), limit = Number(query.get('limit') ?? 100)
      const next = from + limit < one.accounts.length ? String(from + limit) : null
      const states = query.get('state')?.split(',')
      // A page of chosen accounts may have fewer than the limit, or none, as the API says.
      const shown = one.accounts.slice(from, from + limit).filter((each) => !each.removed && (!states || states.includes(each.state)))
      return { status: 200, body: { accounts: shown, next } }
    }
    const account = one.accounts[Number(no)]
    if (!account) return problem(404, 'not_found', 'there is no such account')
    if (method === 'DELETE') {
      Object.assign(account, { removed: true, selected: false, state: 'cancelled' })
      one.view.accounts -= 1
      return { status: 200, body: one.show() }
    }
    if (method === 'PATCH') {
      if (body.destination?.mailbox && !body.destination.mailbox.includes('@')) return problem(422, 'field.invalid', 'must be an e-mail address such as anna@example.org', { field: 'destination.mailbox' })
      const faults = body.source?.oauth ? faultsOf(body.source.oauth, body.source.host ?? account.source.host, false) : []
      if (faults.length) return refused(faults.map(([name, code, detail]) => ({ field: `source.oauth.${name}`, code, detail })))
      one.correct(account, body)
      return { status: 200, body: account }
    }
    if (method === 'POST' && action === 'export') {
      exports.set(account, Date.now())
      return { status: 202, body: account }
    }
    if (action === 'export') {
      const begun = exports.get(account)
      if (!begun) return { status: 200, body: { state: 'none', rows: 0, files: [] } }
      const state = Date.now() - begun < 1500 ? 'writing' : 'ready'
      const files = state === 'ready' ? ['manifest-1.csv', 'manifest-2.csv'].map((name) => ({ name, url: `/v1/files/${name}` })) : []
      return { status: 200, body: { state, rows: 61_342, files, reason: '', valid_seconds: 3600 } }
    }
    if (method === 'POST') {
      one.correct(account, { source: {} })
      return { status: 202, body: account }
    }
    if (!action) return { status: 200, body: account }
    return one.part(account, action, query)
  }
  function route(request, url, body) {
    const [, version, what, id, ...rest] = url.pathname.split('/')
    if (what !== 'migrations' || version !== 'v1') return problem(404, 'not_found', 'there is no such route')
    if (!id && request.method === 'GET') {
      const good = request.headers.authorization === `Bearer ${KEY}`
      return good ? { status: 200, body: { migrations: [], next: null } } : problem(403, 'access.operator_only', 'this needs the operator key')
    }
    if (!id) {
      const bearer = request.headers.authorization?.replace('Bearer ', '')
      if (bearer && ![KEY, VOUCHER].includes(bearer)) return problem(403, 'access.refused', 'this needs the operator key, or a voucher that is valid')
      if (body.destination.host === 'imap.refused.example.org') return problem(422, 'field.invalid', 'must be another host', { field: 'destination.host' })
      const faults = signInFaults(body)
      if (faults.length) return refused(faults)
      const wrong = body.accounts.findIndex((one) => one.source.user === 'refused@example.net')
      if (wrong >= 0) return problem(422, 'field.missing', 'is missing', { field: `accounts.${wrong}.source.password` })
      const one = migrationOf(body, randomUUID().slice(0, 13), randomUUID().replaceAll('-', ''))
      migrations.set(one.view.id, one)
      one.view.needs_voucher = one.view.unconfirmed = !bearer
      if (!bearer) return { status: 202, body: { id: one.view.id, state: one.view.state, accounts: body.accounts.length, detail: 'open the link in the e-mail' } }
      return { status: 201, body: { id: one.view.id, token: one.token, status_url: `/#${one.view.id}.${one.token}`, state: one.view.state, accounts: one.view.accounts } }
    }
    const one = find(request, id)
    if (!one) return problem(404, 'migration.not_found', 'there is no such migration for this token; use the whole link from the e-mail')
    if (rest[0] === 'mailboxes') return mailboxes(request, one, body)
    if (rest[0] === 'accounts') return accounts(one, request.method, rest.slice(1), url.searchParams, body)
    if (request.method === 'DELETE') {
      if (one.undoing) return UNDOING()
      if (['running', 'pausing', 'cancelling'].includes(one.view.state)) return problem(409, 'state.illegal', `erase is not possible while the migration is ${one.view.state}`)
      one.change('erasing')
      return { status: 202, body: one.show() }
    }
    if (request.method === 'POST') return act(one, rest[0], body)
    if (request.method === 'PATCH') {
      if (body.webhook?.url.includes('10.0.0.1')) return problem(422, 'field.invalid', 'leads to a private address; only public addresses are allowed', { field: 'webhook.url' })
      const { webhook, ...more } = body
      Object.assign(one.view, more)
      if (webhook !== undefined) one.view.webhook = webhook ?? undefined
      return { status: 200, body: { ...one.show(), ...(webhook && { webhook_secret: 'w3bh00k'.repeat(7) }) } }
    }
    return { status: 200, body: one.show() }
  }

  const server = createServer(async (request, answer) => {
    const url = new URL(request.url, 'http://mock')
    const send = (status, type, body, headers = {}) => answer.writeHead(status, { 'content-type': type, 'content-security-policy': POLICY, ...headers }).end(body)
    try {
      if (url.pathname === '/v1/openapi.json') {
        const openapi = JSON.parse(await readFile(OPENAPI, 'utf8'))
        openapi.paths['/v1/discovery'] ??= { get: {} }
        if (undo) openapi.paths['/v1/migrations/{id}/undo'] = { post: {} }
        return send(200, 'application/json', JSON.stringify(openapi))
      }
      if (url.pathname === '/v1/service') return send(200, 'application/json', JSON.stringify({ name: 'Mailcrane', version: 'mock', support: 'help@example.org', oversize_rescue: true }))
      if (url.pathname === '/v1/discovery') {
        const host = `imap.${url.searchParams.get('email').split('@')[1]}`
        return send(200, 'application/json', JSON.stringify({ email: url.searchParams.get('email'), steps: [], candidates: [{ place: 'srv', host, port: 143, security: 'starttls', username: '', auth: ['password'], provider: null, name: null, hint: null }] }))
      }
      if (url.pathname === '/v1/providers') {
        const words = (url.searchParams.get('q') ?? '').toLowerCase().replace(/.*@/, '')
        const found = JSON.parse(await readFile(PROVIDERS, 'utf8')).filter((one) => JSON.stringify(one).toLowerCase().includes(words))
        return send(200, 'application/json', JSON.stringify({ providers: found.slice(0, Number(url.searchParams.get('limit') ?? 20)), total: found.length }))
      }
      if (!url.pathname.startsWith('/v1/')) {
        const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1)
        if (!/^[\w-]+\.(html|js|css)$/.test(name)) return send(404, 'text/plain', '')
        return send(200, { html: 'text/html', js: 'text/javascript', css: 'text/css' }[name.split('.').pop()], await readFile(new URL(name, PAGE)))
      }
      let text = ''
      for await (const part of request) text += part
      calls.push({ method: request.method, path: url.pathname, body: text })
      const ready = refusal(request, url)
      const { status, body, csv, next } = ready ? problem(ready.status, ready.code, ready.detail) : route(request, url, text ? JSON.parse(text) : {})
      if (csv) return send(200, 'text/csv', csv, next ? { 'mailcrane-next-cursor': next } : {})
      send(status, status < 400 ? 'application/json' : 'application/problem+json', JSON.stringify(body), ready?.after ? { 'retry-after': ready.after } : {})
    } catch (error) {
      send(500, 'text/plain', String(error.stack))
    }
  })
  await new Promise((done) => server.listen(port, '127.0.0.1', done))
  return {
    url: `http://127.0.0.1:${server.address().port}`, migrations, calls, refusals,
    stop: () => { clearInterval(timer); server.closeAllConnections(); server.close() },
  }
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const mock = await start({ port: Number(process.env.PORT ?? 8430), undo: true })
  console.log(`The mock of the API is at ${mock.url}, its operator key is ${KEY}`)
}
