// What is known of the provider at a host: how its users and its administrators sign in.

import { offers, read } from './api.js'

let known
const catalogue = () => (known ??= offers('get', '/v1/providers').then((offered) => (offered ? read('/v1/providers?limit=500') : { providers: [] })).catch(() => {
  known = undefined
  return { providers: [] }
}))

/** Gives what is known of a host, or nothing. Where several providers share it, what any of them has. */
export async function presetAt(host) {
  const name = host.trim().toLowerCase().replace(/\.$/, '')
  const { providers } = await catalogue()
  const at = providers.filter((one) => one.host === name || one.hosts?.includes(name))
  if (!at.length) return null
  const first = (member) => at.map((one) => one[member]).find(Boolean) ?? null
  return { admin: first('admin'), oauth: first('oauth'), auth: [...new Set(at.flatMap((one) => one.auth))] }
}

/** Tells whether a provider takes no password at all. */
export const oauthOnly = (preset) => Boolean(preset?.auth.length) && preset.auth.every((one) => one === 'oauth2')
