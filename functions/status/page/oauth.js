// What OAuth 2 tokens are fetched with: the fields of the API's `oauth`, for all accounts and for one of them.

import { fault, field, freshId, h, put, say } from './dom.js'
import { t } from './texts.js'

const KINDS = ['refresh_token', 'client_credentials', 'service_account']
/** How a provider's administrators open the mailboxes of others by OAuth, and the kind of each. */
export const KIND_OF_ADMIN = { microsoft_app: 'client_credentials', google_service_account: 'service_account' }
/** What each kind asks for at any provider. */
const ASKED = {
  refresh_token: ['client_id', 'client_secret', 'refresh_token'],
  client_credentials: ['client_id', 'client_secret'],
  service_account: ['key_file'],
}
/** What a refresh token may come without. */
const SPARED = ['tenant', 'client_secret', 'scope']
const SECRET = ['client_secret', 'refresh_token']
const NAMES = ['tenant', 'client_id', 'client_secret', 'refresh_token', 'key_file', 'token_url', 'scope']
/** Members that a key file stands for. */
const IN_FILE = ['client_email', 'private_key']

/** The kinds that a provider takes; any of them where it is not known. */
export const kindsAt = (preset) => KINDS.filter((kind) => kind === 'refresh_token' || !preset?.oauth || KIND_OF_ADMIN[preset.admin] === kind)

/** Names what is asked for: endpoint and scope only where they are not known. */
function asked(kind, preset) {
  const known = preset?.oauth
  const scoped = known && (kind === 'refresh_token' || known.application_scope)
  return [...(known?.tenant && kind !== 'service_account' ? ['tenant'] : []), ...ASKED[kind], ...(known ? [] : ['token_url']), ...(scoped ? [] : ['scope'])]
}

const spared = (kind, name) => kind === 'refresh_token' && SPARED.includes(name)

/** Reads whose key a file holds; nothing when it is no key of a service account. */
function ownerOf(text) {
  try {
    const { client_email: email, private_key: key } = JSON.parse(text)
    return key && email
  } catch {
    return undefined
  }
}

/** A field for a key file: it is pasted, dropped or chosen. */
function keyFile(value) {
  const input = h('textarea', { rows: 3, spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', class: 'code', value, oninput: told })
  const holder = field(t('oauth.key_file'), input, { hint: t('oauth.key_file_hint') })
  const file = h('input', { type: 'file', accept: '.json,application/json', class: 'hidden', id: freshId('key'), onchange: () => take(file.files[0]) })
  const said = h('span', { class: 'hint', role: 'status' })
  async function take(one) {
    if (!one) return
    input.value = await one.text()
    file.value = ''
    input.dispatchEvent(new Event('input', { bubbles: true }))
  }
  function told() {
    const owner = ownerOf(input.value)
    fault(holder, '')
    say(said, owner ? t('oauth.key_of', { name: owner }) : '')
  }
  const over = (on) => (event) => {
    event.preventDefault()
    holder.classList.toggle('over', on)
    if (event.type === 'drop') take(event.dataTransfer.files[0])
  }
  for (const [name, on] of [['dragover', true], ['dragleave', false], ['drop', false]]) input.addEventListener(name, over(on))
  holder.classList.add('whole')
  put(holder, h('div', { class: 'buttons left' }, file, h('label', { for: file.id, class: 'button' }, t('oauth.key_choose')), said))
  told()
  return holder
}

/** Fields for what a token is fetched with. With `each`, every account brings its own refresh token later. */
export function oauthFields({ kind: chosen = 'refresh_token', given = {}, each = false, changed } = {}) {
  const kind = h('select', { onchange: () => { lay(); changed?.() } }, KINDS.map((one) => h('option', { value: one, selected: one === chosen }, t(`oauth.kind.${one}`))))
  const kindField = field(t('oauth.kind'), kind)
  const input = (name) => h('input', { type: SECRET.includes(name) ? 'password' : 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', value: given[name] ?? '' })
  const hint = (name) => (['tenant', 'token_url', 'scope'].includes(name) ? t(`oauth.${name}_hint`) : undefined)
  const holders = Object.fromEntries(NAMES.map((name) => [name, name === 'key_file' ? keyFile(given[name] ?? '') : field(t(`oauth.${name}`), input(name), { hint: hint(name) })]))
  const later = h('p', { class: 'hint' }, t('oauth.each'))
  const element = h('div', { class: 'pair' }, kindField, Object.values(holders), later)
  kindField.classList.add('whole')
  later.classList.add('whole')
  const box = (name) => holders[name].querySelector('input, textarea')
  const value = (name) => (SECRET.includes(name) || name === 'key_file' ? box(name).value : box(name).value.trim())
  let preset = null

  const names = () => (each && kind.value === 'refresh_token' ? [] : asked(kind.value, preset))
  function lay() {
    for (const name of NAMES) {
      holders[name].hidden = !names().includes(name)
      say(holders[name].querySelector('label'), spared(kind.value, name) ? t('oauth.optional', { name: t(`oauth.${name}`) }) : t(`oauth.${name}`))
    }
    later.hidden = !each || kind.value !== 'refresh_token'
  }
  const clear = () => NAMES.forEach((name) => fault(holders[name], ''))
  const filled = () => names().filter((name) => value(name))

  lay()
  return {
    element,
    kind: () => kind.value,
    /** Lays out what these kinds ask for at a provider of which this is known. */
    draw(known, kinds = kindsAt(known)) {
      preset = known
      for (const option of kind.options) option.hidden = option.disabled = !kinds.includes(option.value)
      if (!kinds.includes(kind.value)) [kind.value] = kinds
      kindField.hidden = kinds.length < 2
      lay()
    },
    /** Gives every value as it was entered, to fill in again. */
    given: () => Object.fromEntries(NAMES.map((name) => [name, value(name)])),
    clear,
    touched: () => filled().length > 0,
    /** Makes the API's object. */
    read: () => ({ kind: kind.value, ...Object.fromEntries(filled().map((name) => [name, value(name)])) }),
    /** Marks what is missing or cannot be right; gives the first such field. */
    check() {
      clear()
      for (const name of names()) {
        if (!value(name)) fault(holders[name], spared(kind.value, name) ? '' : t('oauth.missing'))
        else if (name === 'key_file' && !ownerOf(value(name))) fault(holders[name], t('oauth.key_fault'))
        else if (name === 'token_url' && !/^https?:[/]{2}./.test(value(name))) fault(holders[name], t('oauth.token_url_fault'))
      }
      return names().map((name) => holders[name]).find((one) => one.classList.contains('wrong'))
    },
    /** Empties what belongs to one mailbox alone. */
    renew() {
      box('refresh_token').value = ''
    },
    /** Gives the fields on view by their paths in the API; what no field is for is told at the first one. */
    fields() {
      const here = names().map((name) => [`source.oauth.${name}`, holders[name]])
      const inFile = names().includes('key_file') ? IN_FILE.map((name) => [`source.oauth.${name}`, holders.key_file]) : []
      const rest = kindField.hidden ? here[0]?.[1] : kindField
      return Object.fromEntries([...here, ...inFile, ...(rest ? [['source.oauth', rest]] : [])])
    },
  }
}
