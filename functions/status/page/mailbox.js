// Has the mailbox of an account created in WorkMail: with the operator key, and the password is shown once.

import { client } from './api.js'
import { dialog, fault, field, foreign, h, show } from './dom.js'
import { explain } from './explain.js'
import { t, told } from './texts.js'

/** Tells whether a mailbox is missing that could be created. */
export const lacksMailbox = (account) => account.state === 'check_failed' && account.destination.check.code === 'destination.no_such_mailbox'

export function createMailbox(app, account, changed) {
  const { mailbox } = account.destination
  const text = (value, more) => h('input', { value, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', ...more })
  const local = mailbox.split('@')[0]
  const user = text(local.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 20), { maxlength: 64 })
  const name = text(local, { maxlength: 256 })
  const key = h('input', { type: 'password', autocomplete: 'off', value: app.draft?.key ?? '' })
  const keyField = field(t('mailbox.key'), key, { hint: t('mailbox.key_hint') })
  const failed = h('div', { role: 'alert' })
  const go = h('button', { type: 'submit', class: 'primary' }, t('mailbox.do'))

  async function create(event) {
    event.preventDefault()
    fault(keyField, key.value ? '' : t('mailbox.key_missing'))
    if (!key.value) return key.focus()
    go.disabled = true
    show(failed)
    try {
      const wanted = { account: account.no, ...(user.value.trim() && { user: user.value.trim() }), ...(name.value.trim() && { display_name: name.value.trim() }) }
      const { mailboxes: [made] } = await client(key.value, app.client.id).post('/mailboxes', { mailboxes: [wanted] })
      if (made.temporary_password) return tell(made)
      show(failed, h('p', { class: `notice ${made.error ? 'bad' : 'warn'}` }, made.error ? told(made.error_code, made.error) : t(`mailbox.${made.state}`)))
    } catch (problem) {
      show(failed, h('p', { class: 'notice bad' }, problem.status === 404 || problem.status === 403 ? t('mailbox.key_refused') : explain(problem)))
    }
    go.disabled = false
  }

  function tell({ user: signIn, temporary_password: password }) {
    const close = h('button', { type: 'button', class: 'primary', onclick: () => box.close() }, t('mailbox.noted'))
    show(form.parentElement, h('p', { class: 'notice good', role: 'status' }, t('mailbox.created')),
      h('dl', { class: 'facts' }, h('div', null, h('dt', null, t('mailbox.user')), h('dd', null, foreign(signIn))), h('div', null, h('dt', null, t('mailbox.password')), h('dd', { class: 'code' }, password))),
      h('p', null, t('mailbox.once')), h('div', { class: 'buttons' }, close))
    close.focus()
    changed()
  }

  const form = h('form', { novalidate: true, onsubmit: create }, failed,
    h('p', null, t('mailbox.text'), ' ', foreign(mailbox)),
    h('div', { class: 'pair' }, field(t('mailbox.user'), user, { hint: t('mailbox.user_hint') }), field(t('mailbox.name'), name)),
    keyField,
    h('div', { class: 'buttons' }, h('button', { type: 'button', class: 'quiet', onclick: () => box.close() }, t('back')), go))
  const box = dialog(t('mailbox.title'), form)
}
