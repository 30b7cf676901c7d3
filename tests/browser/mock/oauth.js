// What the mock says of a source's `oauth`, in the words of the API.

import { readFileSync } from 'node:fs'

const providers = JSON.parse(readFileSync(new URL('../../../shared/providers/providers.json', import.meta.url), 'utf8'))

/** Lists what is wrong with an object `oauth`, for one account or for everybody. */
export function faultsOf(oauth, host, everybody) {
  const known = providers.find((one) => one.oauth && [one.host, ...(one.hosts ?? [])].includes(host?.toLowerCase()))?.oauth
  const missing = (name) => !oauth[name] && [name, 'field.missing', 'is missing']
  const endpoint = !known && missing('token_url')
  const scope = !known?.application_scope && missing('scope')
  const faults = {
    refresh_token: () => [everybody && ['kind', 'field.invalid', 'a refresh token belongs to one mailbox; send it with its account'], endpoint, missing('client_id'), missing('refresh_token')],
    client_credentials: () => [known?.tenant && !oauth.token_url && missing('tenant'), endpoint, scope, missing('client_id'), missing('client_secret')],
    service_account: () => [missing('key_file'), endpoint, scope],
  }[oauth.kind]?.() ?? [['kind', 'field.invalid', 'must be refresh_token, client_credentials or service_account']]
  if (oauth.tenant && !/^[\w.-]+$/.test(oauth.tenant)) faults.push(['tenant', 'field.invalid', 'must be a directory id or a domain'])
  return faults.filter(Boolean)
}

/** Lists what is wrong with how the accounts of an order sign in. */
export function signInFaults({ source = {}, accounts }) {
  const part = (path) => ([name, code, detail]) => ({ field: `${path}source.oauth.${name}`, code, detail })
  const all = source.oauth ? faultsOf(source.oauth, source.host, true) : []
  const app = source.oauth && !all.length
  const each = accounts.flatMap((one, no) => {
    if (one.source.oauth) return faultsOf(one.source.oauth, one.source.host ?? source.host, false).map(part(`accounts.${no}.`))
    const signs = one.source.password || one.source.admin_user || source.admin_user || app || source.kind === 'workmail'
    return signs ? [] : [{ field: `accounts.${no}.source.password`, code: 'field.missing', detail: 'is missing; send the user\'s password, oauth, or admin_user and admin_password' }]
  })
  return [...all.map(part('')), ...each]
}
