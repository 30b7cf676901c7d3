// A certificate that no authority vouches for: its fingerprint is shown, and it is trusted when the person says so.

import { dialog, foreign, h, show } from './dom.js'
import { explain } from './explain.js'
import { held, others, sameCertificate } from './others.js'
import { spread } from './spread.js'
import { t } from './texts.js'

/** Asks whether the certificate of an account's server is to be trusted. */
export function trust(app, account, changed) {
  const { fingerprint } = account.source.check
  const change = { source: { fingerprint } }
  const failed = h('div', { role: 'alert' })
  const also = others(app, account, sameCertificate(account), 'others.certificate')
  async function accept() {
    go.disabled = true
    try {
      await app.client.patch(`/accounts/${account.no}`, change)
      app.tell(null)
      changed()
    } catch (problem) {
      go.disabled = false
      return show(failed, h('p', { class: 'notice bad' }, explain(problem)))
    }
    const more = await also.chosen()
    if (more.length && box.open) spread(app, more, held(change), box, changed)
    else box.close()
  }
  const go = h('button', { type: 'button', class: 'primary', onclick: accept }, t('account.trust'))
  const box = dialog(t('account.trust_title'), [failed, h('p', null, t('account.trust_text', { host: account.source.host })), h('p', { class: 'code' }, foreign(fingerprint)), also.element],
    [h('button', { type: 'button', class: 'quiet', onclick: () => box.close() }, t('back')), go])
}
