// The whole manifest of an account as files that the service makes: for mailboxes of any size.

import { explained } from './account-list.js'
import { h, say, show } from './dom.js'
import { poll } from './poll.js'
import { number, t } from './texts.js'

/** A button that has the files made, and the links to them. */
export function exportFiles(app, path) {
  const said = h('p', { class: 'hint', role: 'status' })
  const files = h('ul', { class: 'files' })
  const button = h('button', { type: 'button', onclick: begin }, t('export.make'))
  const element = h('div', null, h('p', { class: 'hint' }, t('export.hint')), h('div', { class: 'buttons left' }, button), said, files)
  let poller

  async function begin() {
    button.disabled = true
    show(files)
    say(said, t('export.writing', { n: 0 }))
    try {
      await app.client.post(`${path}/export`)
      watch()
    } catch (problem) {
      told(problem)
    }
  }

  function watch() {
    poller?.stop()
    poller = poll(async () => {
      // The dialog was closed: nobody looks any more; the export goes on.
      if (poller && !element.isConnected) return poller.stop()
      draw(await app.client.get(`${path}/export`))
    }, 2000, { failed: told })
  }

  function draw({ state, rows, files: made, reason, valid_seconds: valid }) {
    button.disabled = state === 'writing'
    if (state !== 'writing') poller?.stop()
    if (state === 'none') return
    if (state === 'failed') show(said, h('span', { class: 'problem' }, t('export.failed'), ' ', reason))
    else say(said, t(`export.${state}`, { n: rows, minutes: number(Math.floor((valid ?? 0) / 60)) }))
    show(files, state === 'ready' && made.map(({ name, url }) => h('li', null, h('a', { href: url, download: name, rel: 'noreferrer' }, name))))
  }

  function told(problem) {
    button.disabled = false
    show(said, explained(problem.code, problem.message))
  }

  app.client.get(`${path}/export`).then((known) => {
    draw(known)
    if (known.state === 'writing') watch()
  }, told)
  return element
}
