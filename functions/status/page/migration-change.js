// Changes a migration: its name, who is told, the language, the webhook, and between passes what is copied.

import { mark } from './faults.js'
import { dialog, field, h, foreign, show } from './dom.js'
import { optionFields } from './options.js'
import { languages, t, told } from './texts.js'

const UNDER_WAY = ['running', 'pausing', 'paused', 'cancelling']
const GONE = ['erasing', 'erased']

/** Tells whether anything of a migration may be changed. */
export const changeable = (migration) => !GONE.includes(migration.state)

export function changeMigration(app, changed) {
  const { migration } = app
  const resting = !UNDER_WAY.includes(migration.state)
  const name = h('input', { value: migration.name, maxlength: 200 })
  const notify = h('input', { type: 'email', multiple: true, value: migration.notify.join(', ') })
  const language = h('select', null, languages().map(([code, text]) => h('option', { value: code, selected: code === migration.language }, text)))
  const webhook = h('input', { type: 'url', value: migration.webhook?.url ?? '', placeholder: t('webhook.example'), spellcheck: 'false', autocapitalize: 'off' })
  const options = optionFields(migration.options ?? {})
  const fields = {
    name: field(t('order.name'), name),
    notify: field(t('order.notify'), notify, { hint: t('order.notify_hint') }),
    language: field(t('change.language'), language),
    webhook: field(t('webhook.url'), webhook, { hint: t('webhook.hint') }),
    ...options.fields,
  }
  const failed = h('div', { role: 'alert' })

  function body() {
    const change = {}
    if (name.value.trim() !== migration.name && name.value.trim()) change.name = name.value.trim()
    const list = notify.value.split(',').map((one) => one.trim()).filter(Boolean)
    if (list.join() !== migration.notify.join()) change.notify = list
    if (language.value !== migration.language) change.language = language.value
    const url = webhook.value.trim()
    if (url !== (migration.webhook?.url ?? '')) change.webhook = url ? { url } : null
    if (!resting) return change
    const read = options.read()
    if (!read) return null
    return { ...change, options: read }
  }
  async function save(event) {
    event.preventDefault()
    show(failed)
    const change = body()
    if (!change) return form.querySelector('.wrong input, .wrong textarea')?.focus()
    try {
      const answer = await app.client.patch('', change)
      app.tell(null)
      box.close()
      if (answer.webhook_secret) secretOf(answer.webhook_secret)
      changed()
    } catch (problem) {
      const rest = mark(problem, fields)
      show(failed, rest.map((part) => h('p', { class: 'notice bad' }, told(part.code ?? problem.code, part.detail))))
    }
  }
  const form = h('form', { novalidate: true, onsubmit: save }, failed,
    h('div', { class: 'pair' }, fields.name, fields.language), fields.notify, fields.webhook,
    h('h3', null, t('options.title')), resting ? options.element : h('p', { class: 'hint' }, t('change.under_way')),
    h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'quiet', onclick: () => box.close() }, t('back')), h('button', { type: 'submit', class: 'primary' }, t('change.save'))))
  const box = dialog(t('change.title'), form)
}

/** Shows a webhook's secret, which the service tells once. */
function secretOf(secret) {
  dialog(t('webhook.secret'), [h('p', null, t('webhook.secret_text')), h('p', { class: 'code' }, foreign(secret))])
}
