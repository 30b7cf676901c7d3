// The other accounts that the same thing keeps out: what is corrected in one of them can be corrected in all.

import { h, say } from './dom.js'
import { t } from './texts.js'

const PAGE = 250
/** What holds for everybody who signs in the same way; the rest belongs to one mailbox. */
const HELD = ['host', 'port', 'security', 'fingerprint', 'admin_user', 'admin_password', 'admin_scheme']
/** The states of accounts that need somebody. */
const KEPT_OUT = ['check_failed', 'stalled']

/** Takes of a change what holds for others, too; nothing when all of it belongs to the account. */
export function held({ source = {} }) {
  const { oauth } = source
  const common = Object.fromEntries(Object.entries(source).filter(([name]) => HELD.includes(name)))
  // A refresh token opens one mailbox.
  if (oauth && oauth.kind !== 'refresh_token') common.oauth = oauth
  return Object.keys(common).length ? { source: common } : null
}

/** Tells whether one person or application signs in for many. */
export const forMany = ({ auth }) => Boolean(auth.administrator) || auth === 'administrator' || auth === 'oauth'

const way = (auth) => (typeof auth === 'string' ? auth : Object.keys(auth)[0])
const place = ({ host, port, security }) => `${security} ${host.toLowerCase()} ${port}`
const refused = ({ state, source, error_code: code }) => (state === 'stalled' ? /^source\./.test(code ?? '') : source.check.state === 'failed')

/** Tells of an account whether it signs in at the same server in the same way and was not let in. */
export const alike = ({ source }) => (one) => refused(one) && place(one.source) === place(source) && way(one.source.auth) === way(source.auth)

/** Tells of an account whether it meets the same certificate, which is not trusted yet. */
export const sameCertificate = ({ source }) => (one) => place(one.source) === place(source) && one.source.check.fingerprint === source.check.fingerprint

/** Tells of an account whether a change may reach it: what tokens are fetched with takes the place of its own kind alone. */
export const reaches = ({ source: { oauth } = {} }) => ({ source }) => !oauth || source.oauth_kind === oauth.kind

/** Offers to change the others that fit, in words of their number; nothing is seen of it where there are none. */
export function others(app, account, fits, words) {
  const found = []
  const tick = h('input', { type: 'checkbox', checked: true })
  const text = h('strong')
  const element = h('label', { class: 'option', hidden: true }, tick, h('span', null, text, h('span', { class: 'hint' }, t('others.hint'))))
  let reached = () => true

  const chosen = () => found.filter(reached)
  function draw() {
    const n = chosen().length
    element.hidden = !n
    say(text, t(words, { n }))
  }
  /** Reads who was kept out, unless the numbers of the migration say that there is nobody. */
  async function search() {
    const { states } = app.migration
    const own = KEPT_OUT.includes(account.state) ? 1 : 0
    if (states && KEPT_OUT.reduce((sum, state) => sum + (states[state] ?? 0), 0) <= own) return
    let cursor = null
    do {
      const page = await app.client.get(`/accounts?${new URLSearchParams({ limit: PAGE, state: KEPT_OUT.join(), ...(cursor && { cursor }) })}`)
      found.push(...page.accounts.filter((one) => one.no !== account.no && fits(one)))
      draw()
      cursor = page.next
      // Nobody asks any more.
    } while (cursor && element.isConnected)
  }
  const searched = search().catch(() => {})
  return {
    element,
    /** Says for whom of the others holds what is entered. */
    hold(fitting) {
      reached = fitting
      draw()
    },
    /** Gives the accounts that are to be changed, too. */
    async chosen() {
      await searched
      return tick.checked ? chosen() : []
    },
  }
}
