// How all accounts sign in at an IMAP source: with their own passwords, through an administrator, or by OAuth 2.

import { administratorFields } from './administrator.js'
import { choice, h, help, say, show } from './dom.js'
import { KIND_OF_ADMIN, kindsAt, oauthFields } from './oauth.js'
import { oauthOnly } from './preset.js'
import { t } from './texts.js'

const WAYS = ['password', 'administrator', ...Object.keys(KIND_OF_ADMIN), 'oauth']

/** Names what each account brings itself: its password, its refresh token, or nothing. */
export function brings({ sourceKind, sourceAccess, sourceAuth, oauth }) {
  if (sourceKind === 'workmail') return sourceAccess === 'user' ? 'password' : null
  if (sourceAuth === 'oauth') return oauth.kind === 'refresh_token' ? 'refresh_token' : null
  return sourceAuth === 'password' ? 'password' : null
}

/** Says in the shape of the API how all accounts sign in. */
export function signInOf(draft) {
  const { source: { admin_user, admin_password, admin_scheme }, sourceAuth, oauth } = draft
  if (sourceAuth === 'password' || brings(draft)) return {}
  if (sourceAuth === 'administrator') return { admin_user, admin_password, ...(admin_scheme !== 'auto' && { admin_scheme }) }
  return { oauth: oauth.body }
}

export function signIn(draft, changed) {
  const { source, oauth } = draft
  const administrator = administratorFields(source)
  const tokens = oauthFields({ kind: oauth.kind, given: oauth.given, each: true, changed: turn })
  const ways = choice(t('provider.auth'), 'source_auth', WAYS.map((value) => ({ value, label: t(`auth.${value}`), hint: t(`auth.${value}_hint`) })), draft.sourceAuth, turn)
  const input = (value) => ways.group.querySelector(`input[value=${value}]`)
  const note = h('p', { class: 'notice warn', role: 'status' })
  const prepare = h('div', { class: 'helps' })
  const element = h('div', { class: 'stack' }, ways.group, note, administrator.element, tokens.element, prepare)
  let preset = draft.preset

  const offered = (way) => !(way in KIND_OF_ADMIN) || way === preset?.admin
  /** The way that is named where passwords lead nowhere. */
  const best = () => (preset?.admin in KIND_OF_ADMIN ? preset.admin : 'oauth')
  function draw() {
    for (const way of WAYS) input(way).closest('label').hidden = !offered(way)
    if (!offered(ways.read())) input('password').checked = true
    ways.group.classList.toggle('halves', preset?.admin in KIND_OF_ADMIN)
    const way = ways.read()
    administrator.element.hidden = way !== 'administrator'
    tokens.element.hidden = way !== 'oauth' && !(way in KIND_OF_ADMIN)
    // What has a choice of its own is not offered a second time.
    tokens.draw(preset, way in KIND_OF_ADMIN ? [KIND_OF_ADMIN[way]] : kindsAt(preset).filter((kind) => KIND_OF_ADMIN[preset?.admin] !== kind))
    note.hidden = !oauthOnly(preset) || !['password', 'administrator'].includes(way)
    say(note, note.hidden ? '' : t('auth.no_passwords', { way: t(`auth.${best()}`) }))
    show(prepare, way in KIND_OF_ADMIN && help(t(`help.${way}.title`), [1, 2, 3, 4].map((no) => t(`help.${way}.${no}`, { scope: preset.oauth?.application_scope }))))
    prepare.hidden = !prepare.childElementCount
  }
  function turn() {
    draw()
    keep()
    changed?.()
  }
  function keep() {
    draft.sourceAuth = ways.read()
    Object.assign(source, administrator.read())
    draft.oauth = { kind: tokens.kind(), given: tokens.given(), body: tokens.read() }
  }

  draw()
  return {
    element,
    keep,
    /** Lays out what a provider offers; one that takes no passwords is begun with what it takes. */
    know(known, { taken = false } = {}) {
      preset = draft.preset = known
      if (taken && oauthOnly(known) && ['password', 'administrator'].includes(ways.read())) input(best()).checked = true
      turn()
    },
    /** Gives fields and what is wrong with each, or nothing. */
    faults() {
      const way = ways.read()
      const wrong = !tokens.element.hidden && tokens.check()
      return [[administrator.fields['source.admin_user'], way === 'administrator' && !administrator.read().admin_user ? t('provider.admin_fault') : ''], ...(wrong ? [[wrong, wrong.querySelector('.error').textContent]] : [])]
    },
    /** Gives the fields by their paths in the API. */
    fields: () => ({ ...administrator.fields, ...(tokens.element.hidden ? {} : tokens.fields()) }),
  }
}
