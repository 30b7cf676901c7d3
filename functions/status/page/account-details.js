// One account in full: outcomes, folders, protocol with filter and search, downloads.

import { exportFiles } from './account-export.js'
import { explained } from './account-list.js'
import { dialog, foreign, h, put, say, show } from './dom.js'
import { download } from './download.js'
import { bytes, number, t, time } from './texts.js'

const OUTCOMES = ['copied', 'duplicate', 'skipped', 'failed', 'vanished', 'pending']
const KINDS = ['failed', 'skipped', 'duplicate', 'vanished', 'renamed', 'folder_skipped', 'pause', 'reconnect', 'late_copy_removed', 'renumbered', 'note', 'stalled']

/** The outcomes of messages as tiles. */
export function outcomes(totals) {
  return h('dl', { class: 'tiles' }, OUTCOMES.map((name) => h('div', { class: `tile ${totals[name] ? name : 'none'}` }, h('dt', null, t(`outcome.${name}`)), h('dd', null, number(totals[name])))))
}

export function details(app, account) {
  const path = `/accounts/${account.no}`
  const folders = h('div', null, h('p', { class: 'loading' }, t('loading')))
  const said = h('span', { class: 'hint', role: 'status' })
  const failed = (place) => (problem) => show(place, h('p', { class: 'notice bad' }, explained(problem.code, problem.message)))
  async function save(what) {
    say(said, t('download.making', { n: 0 }))
    try {
      const parts = await app.client.csv(`${path}/${what}`, (n) => say(said, t('download.making', { n })))
      download(`${app.migration.id}-${account.no}-${what}.csv`, parts)
      say(said, t('download.done'))
    } catch (problem) {
      failed(said)(problem)
    }
  }
  app.client.get(`${path}/folders`).then((answer) => show(folders, folderTable(answer.folders)), failed(folders))
  const facts = [
    account.grade && h('p', { class: `notice ${account.grade === 'complete' ? 'good' : account.grade === 'missing' ? 'bad' : 'warn'}` }, t(`grade.${account.grade}`)),
    account.error && h('p', { class: 'notice bad' }, explained(account.error_code, account.error)),
    h('p', { class: 'hint' }, account.started && t('account.started', { time: time(account.started) }), account.ended && ` · ${t('account.ended', { time: time(account.ended) })}`, ` · ${t('bytes.done', { done: bytes(account.totals.bytes_done), n: bytes(account.totals.bytes_found) })}`),
  ]
  dialog([foreign(account.source.user), ' → ', foreign(account.destination.mailbox)], [
    facts, outcomes(account.totals),
    h('h3', null, t('protocol')), protocol(app, path),
    h('h3', null, t('download.title')),
    h('div', { class: 'buttons left' }, h('button', { type: 'button', onclick: () => save('protocol') }, t('download.protocol')), h('button', { type: 'button', onclick: () => save('manifest') }, t('download.manifest')), said),
    exportFiles(app, path),
    h('h3', null, t('folders.title')), folders,
  ]).classList.add('wide')
}

function folderTable(folders) {
  if (!folders.length) return h('p', { class: 'hint' }, t('folders.none'))
  const head = ['folder', 'found', 'copied', 'others'].map((name) => h('th', { scope: 'col', class: name === 'folder' ? '' : 'figure' }, t(`folders.${name}`)))
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': t('folders.title') }, h('table', null, h('thead', null, h('tr', null, head)), h('tbody', null, folders.map(({ path, destination_path: target, totals, skipped }) => {
    const [from, to] = [path, target ?? []].map((one) => one.join(' / '))
    return h('tr', null, h('th', { scope: 'row' }, foreign(from), to && to !== from && h('span', { class: 'hint' }, ' → ', foreign(to)), skipped && h('span', { class: 'hint' }, ` (${t('folders.skipped')})`)),
      [totals.found, totals.copied, totals.duplicate + totals.skipped + totals.failed + totals.vanished].map((value) => h('td', { class: 'figure' }, number(value))))
  }))))
}

function protocol(app, path) {
  const list = h('ul', { class: 'entries', 'aria-label': t('protocol') })
  const kind = h('select', { 'aria-label': t('protocol.kind'), onchange: () => read() }, h('option', { value: '' }, t('protocol.all')), KINDS.map((one) => h('option', { value: one }, t(`entry.${one}`))))
  const find = h('input', { type: 'search', 'aria-label': t('protocol.find'), placeholder: t('protocol.find'), oninput: () => { clearTimeout(typing); typing = setTimeout(read, 300) } })
  const more = h('button', { type: 'button', class: 'quiet', hidden: true, onclick: () => read(cursor) }, t('more'))
  const state = h('p', { class: 'hint', role: 'status' })
  let typing, cursor, turn = 0
  async function read(from) {
    const mine = ++turn
    const given = { kind: kind.value, q: find.value.trim(), cursor: typeof from === 'string' ? from : '' }
    const query = new URLSearchParams({ limit: '100', ...Object.fromEntries(Object.entries(given).filter(([, value]) => value)) })
    try {
      const page = await app.client.get(`${path}/protocol?${query}`)
      if (mine !== turn) return
      if (!given.cursor) show(list)
      put(list, page.entries.map(entry))
      cursor = page.next
      more.hidden = !cursor
      say(state, list.childElementCount ? '' : t(given.kind || given.q ? 'protocol.nothing' : 'protocol.empty'))
    } catch (problem) {
      show(state, explained(problem.code, problem.message))
    }
  }
  read()
  return h('div', null, h('div', { class: 'tools' }, find, kind), list, state, more)
}

const BAD = new Set(['failed', 'stalled', 'vanished'])

function entry({ kind, code, message, at, folder, uid, message_id: id, octets }) {
  const facts = [at && time(at), folder && [t('folders.folder'), ' ', foreign(folder)], uid && `UID ${uid}`, octets && bytes(octets)].filter(Boolean)
  return h('li', null, h('span', { class: `badge ${BAD.has(kind) ? 'bad' : kind === 'duplicate' ? 'calm' : 'warn'}` }, t(`entry.${kind}`)),
    h('div', null, h('p', null, explained(code, message)), h('p', { class: 'hint' }, facts.map((one, no) => [no > 0 && ' · ', one])), id && h('p', { class: 'hint code' }, foreign(id))))
}
