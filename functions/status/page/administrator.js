// The administrator who signs in at an IMAP source for its users: the fields for all accounts and for one of them.

import { field, h, say } from './dom.js'
import { t } from './texts.js'

const SCHEMES = ['auto', 'authzid', 'master', 'exchange']

/** Fields for who signs in and how a mailbox is opened. With `placeholder`, what is left empty stays as it is. */
export function administratorFields({ admin_user: given = '', admin_password: secret = '', admin_scheme: chosen = 'auto' } = {}, placeholder) {
  const user = h('input', { value: given, placeholder, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' })
  const password = h('input', { type: 'password', value: secret, placeholder, autocomplete: 'off' })
  const scheme = h('select', { onchange: explain }, SCHEMES.map((one) => h('option', { value: one, selected: one === chosen }, t(`scheme.${one}`))))
  const fields = {
    'source.admin_user': field(t('provider.admin_user'), user),
    'source.admin_password': field(t('provider.admin_password'), password),
    'source.admin_scheme': field(t('scheme'), scheme, { hint: t(`scheme.${scheme.value}_hint`) }),
  }
  const [userField, passwordField, schemeField] = Object.values(fields)
  function explain() {
    say(schemeField.querySelector('.hint'), t(`scheme.${scheme.value}_hint`))
  }
  return {
    element: h('div', { class: 'stack' }, h('div', { class: 'pair' }, userField, passwordField), schemeField),
    /** The fields by their paths in the API. */
    fields,
    read: () => ({ admin_user: user.value.trim(), admin_password: password.value, admin_scheme: scheme.value }),
  }
}
