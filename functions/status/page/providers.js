// Well-known mail providers and their IMAP servers, for the search; any other server is typed in.

const app = 'app_password'
const enable = 'enable_imap'

/** Name, host, what to know before; all of them on port 993 with TLS. Words behind the name are found too. */
export const PROVIDERS = [
  ['Amazon WorkMail (Ireland)', 'imap.mail.eu-west-1.awsapps.com'],
  ['Amazon WorkMail (N. Virginia)', 'imap.mail.us-east-1.awsapps.com'],
  ['Amazon WorkMail (Oregon)', 'imap.mail.us-west-2.awsapps.com'],
  ['AOL Mail', 'imap.aol.com', app],
  ['Apple iCloud', 'imap.mail.me.com', app, 'me.com mac.com'],
  ['Fastmail', 'imap.fastmail.com', app],
  ['freenet', 'mx.freenet.de'],
  ['Gandi', 'mail.gandi.net'],
  ['Gmail and Google Workspace', 'imap.gmail.com', app, 'googlemail g suite'],
  ['GMX', 'imap.gmx.net', enable],
  ['GoDaddy Workspace', 'imap.secureserver.net'],
  ['Hetzner', 'mail.your-server.de', undefined, 'konsoleh'],
  ['Infomaniak', 'mail.infomaniak.com'],
  ['IONOS (Germany)', 'imap.ionos.de', undefined, '1und1 1&1'],
  ['IONOS (worldwide)', 'imap.ionos.com', undefined, '1and1 1&1'],
  ['mailbox.org', 'imap.mailbox.org'],
  ['Microsoft 365 and Outlook', 'outlook.office365.com', 'oauth', 'office exchange online hotmail live'],
  ['Migadu', 'imap.migadu.com'],
  ['OVHcloud', 'ssl0.ovh.net'],
  ['Posteo', 'posteo.de'],
  ['Rackspace Email', 'secure.emailsrvr.com'],
  ['STRATO', 'imap.strato.de'],
  ['T-Online', 'secureimap.t-online.de', 'mail_password', 'telekom'],
  ['WEB.DE', 'imap.web.de', enable],
  ['Yahoo Mail', 'imap.mail.yahoo.com', app],
  ['Zoho Mail', 'imap.zoho.com', enable],
].map(([name, host, note, words = '']) => ({ name, host, note, port: 993, security: 'tls', find: `${name} ${host} ${words}`.toLowerCase() }))

/** Finds providers by any words of their name or host, or by the domain of an address. */
export function search(text) {
  const words = text.toLowerCase().replace(/.*@/, '').split(/\s+/).filter(Boolean)
  return PROVIDERS.filter((one) => words.every((word) => one.find.includes(word)))
}
