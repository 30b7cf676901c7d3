// What can be done with a migration: the buttons that its state and this installation allow.

import { offers } from './api.js'
import { when } from './confirm.js'
import { dialog, fault, field, h, show } from './dom.js'
import { explain } from './explain.js'
import { rehearse } from './rehearsal.js'
import { t } from './texts.js'

const OVER = ['finished', 'finished_with_errors', 'failed']
/** Which states let a person do what (the service has the last word). */
const ALLOWED = {
  start: ['scheduled'],
  full: OVER,
  delta: OVER,
  pause: ['running'],
  resume: ['pausing', 'paused'],
  retry: ['finished_with_errors', 'failed', 'running'],
  undo: ['paused', ...OVER, 'cancelled'],
  keep: [...OVER, 'cancelled'],
  cancel: ['submitted', 'checking', 'ready', 'scheduled', 'running', 'pausing', 'paused'],
  erase: ['scheduled', 'paused', ...OVER, 'cancelled'],
}

/** Within a pass only what is stalled can be tried again. */
const needsRetry = ({ state, states }) => Boolean(!states || (state === 'running' ? ['stalled'] : ['stalled', 'done_with_errors', 'check_failed']).some((one) => states[one]))

/** Whether the action is of use now, besides being allowed. */
const USEFUL = {
  full: ({ pass }) => pass.kind === 'trial' || pass.kind === 'prestage',
  delta: ({ pass }) => pass.kind === 'full' || pass.kind === 'delta',
  retry: needsRetry,
}

export function actions(app, changed) {
  const element = h('div', { class: 'buttons left actions', role: 'group', 'aria-label': t('actions') })
  let drawn = ''
  async function update(migration) {
    const some = []
    // Until an undo has ended, nothing else begins.
    for (const [name, states] of Object.entries(migration.undoing ? {} : ALLOWED)) {
      const route = name === 'erase' ? ['delete', '/v1/migrations/{id}'] : ['post', `/v1/migrations/{id}/${name === 'full' ? 'start' : name}`]
      if (states.includes(migration.state) && (USEFUL[name]?.(migration) ?? true) && (await offers(...route))) some.push(name)
    }
    const seen = some.join()
    if (seen === drawn) return
    drawn = seen
    const held = element.contains(document.activeElement)
    show(element, some.map((name) => h('button', { type: 'button', class: look(name), onclick: () => ask(name) }, t(`action.${name}`))))
    if (held) element.querySelector('button')?.focus()
  }
  const look = (name) => (['full', 'resume', 'delta'].includes(name) ? 'primary' : ['cancel', 'erase', 'undo'].includes(name) ? 'danger' : '')

  async function send(name, body) {
    if (name === 'erase') return app.client.erase()
    if (name === 'full') return app.client.post('/start', { ...body, kind: 'full' })
    if (name === 'start') return app.client.post('/start', { at: 'now', kind: app.migration.pass.kind })
    return app.client.post(`/${name}`, body)
  }
  function ask(name) {
    const timed = name === 'full' || name === 'delta'
    const direct = ['pause', 'resume', 'keep', 'retry'].includes(name)
    if (direct) return send(name, {}).then(() => { app.tell(null); changed() }, app.tell)
    const time = timed && when()
    const voucher = timed && app.migration.needs_voucher && h('input', { autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', maxlength: 100 })
    const word = name === 'erase' && h('input', { autocomplete: 'off' })
    const wordField = word && field(t('erase.word', { word: t('erase.word_value') }), word)
    const dry = name === 'undo' && h('input', { type: 'checkbox' })
    const failed = h('div', { role: 'alert' })
    async function carry() {
      const at = timed ? time.read() : undefined
      if (timed && !at) return
      if (word) {
        const good = word.value.trim().toLowerCase() === t('erase.word_value')
        fault(wordField, good ? '' : t('erase.word_fault', { word: t('erase.word_value') }))
        if (!good) return word.focus()
      }
      go.disabled = true
      try {
        await send(name, timed ? { at, ...(voucher && voucher.value.trim() && { voucher: voucher.value.trim() }) } : dry ? { dry_run: dry.checked } : {})
        app.tell(null)
        box.close()
        if (dry) dialog(t('action.undo'), h('p', null, t(dry.checked ? 'undo.counting' : 'undo.begun')))
        changed()
      } catch (problem) {
        go.disabled = false
        show(failed, h('p', { class: 'notice bad' }, explain(problem)))
      }
    }
    function wouldHappen() {
      const at = time.read()
      if (!at) return
      box.close()
      return rehearse(app, name === 'full' ? 'start' : name, { at, ...(name === 'full' && { kind: 'full' }), ...(voucher && voucher.value.trim() && { voucher: voucher.value.trim() }) })
    }
    const tried = timed && h('button', { type: 'button', class: 'quiet', onclick: wouldHappen }, t('rehearsal.ask'))
    const go = h('button', { type: 'button', class: look(name) || 'primary', onclick: carry }, t(`action.${name}.do`))
    const box = dialog(t(`action.${name}.title`), [failed, h('p', null, t(`action.${name}.text`)), time && time.element, voucher && field(t('voucher.code'), voucher, { hint: t('voucher.hint') }), dry && h('label', { class: 'tick' }, dry, h('span', null, t('undo.dry'))), wordField],
      [h('button', { type: 'button', class: 'quiet', onclick: () => box.close() }, t('back')), tried, go])
  }
  return { element, update }
}
