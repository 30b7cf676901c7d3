// Journeys over the page against the deployed local stack: mail really moves. `make test` plays them; `run.py` starts a stack for them alone.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { DESKTOP, PHONE, barriers, launch, open, picture } from './browser.js'
import de from '../../functions/status/page/texts-de.js'
import en from '../../functions/status/page/texts-en.js'

const given = JSON.parse(readFileSync(process.env.STACK, 'utf8'))
const PATIENCE = 180_000
let browser
before(async () => { browser = await launch() })
after(() => browser.close())

/** Takes pictures on a desktop and on a phone; nothing may be too wide or a barrier on either. */
async function look(page, name) {
  const usual = page.viewportSize()
  for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
    await page.setViewportSize(viewport)
    assert.deepEqual(await picture(page, `stack-${name}-${size}`), [], `${name}: something overflows on a ${size}`)
    assert.deepEqual(await barriers(page), [], `${name}: barriers on a ${size}`)
  }
  await page.setViewportSize(usual)
}

async function provider(page, t, name) {
  await page.getByLabel(t['provider.host'], { exact: true }).fill('127.0.0.1')
  await page.getByLabel(t['provider.port'], { exact: true }).fill(String(given.port))
  await page.getByLabel(t['order.name']).fill(name)
  await page.getByLabel(t['access.key']).fill(given.key)
  await press(page.getByRole('button', { name: t['provider.next'] }))
}

async function add(page, t, { source, password, mailbox }) {
  await page.getByLabel(t['account.source_user']).fill(source)
  await page.getByLabel(t['account.source_password']).fill(password)
  await page.getByLabel(t['account.mailbox'], { exact: true }).fill(mailbox)
  await press(page.getByRole('button', { name: t['account.add'] }))
}

/** Presses a button by its key: what arrives from the service at that moment may move it away from under a pointer. */
const press = (button) => button.press('Enter')
const send = (page) => press(page.locator('.step-buttons .primary:enabled'))
const badge = (page, text) => page.locator('.account .badge', { hasText: text })
const state = (page, t, ...names) => page.locator('.badge.large').filter({ hasText: new RegExp(`^(${names.map((one) => t[`state.${one}`]).join('|')})$`) }).waitFor({ timeout: PATIENCE })
const tile = async (page, t, name) => Number((await page.locator('.tile', { hasText: t[`outcome.${name}`] }).first().locator('dd').textContent()).replace(/\D/g, ''))
const confirm = (page, t, name) => press(page.getByRole('dialog').getByRole('button', { name: t[`action.${name}.do`], exact: true }))
const action = (page, t, name) => press(page.locator('.actions').getByRole('button', { name: t[`action.${name}`], exact: true }))

for (const [t, language, viewport] of [[en, 'en', DESKTOP], [de, 'de', PHONE]]) {
  const player = () => (language === 'en' ? given.one : given.two)
  test(`a wrong password is corrected, a trial, then all of it, a delta, the end (${language})`, async () => {
    const { page, wrong, close } = await open(browser, given.url, { viewport, language })
    await provider(page, t, `Journey ${language}`)
    await add(page, t, { ...player(), password: 'not-this' })
    await send(page)
    await badge(page, t['account.state.check_failed']).waitFor({ timeout: PATIENCE })
    await look(page, `${language}-1-refused`)
    await page.locator('.account').getByRole('button', { name: t['account.correct'] }).click()
    await page.getByRole('dialog').getByLabel(t['account.source_password']).fill(player().password)
    await page.getByRole('button', { name: t['account.save'] }).click()
    await badge(page, t['account.state.ready']).waitFor({ timeout: PATIENCE })
    await look(page, `${language}-2-ready`)
    await send(page)
    await page.locator('.step-buttons .primary:enabled').waitFor()
    await look(page, `${language}-3-confirm`)
    await page.getByRole('button', { name: t['rehearsal.ask'] }).click()
    await page.getByRole('dialog').locator('details.more').evaluate((one) => { one.open = true })
    await page.getByRole('dialog').locator('tbody tr').first().waitFor()
    await look(page, `${language}-3-rehearsal`)
    await page.getByRole('dialog').getByRole('button', { name: t.close }).click()
    await page.getByRole('button', { name: t['change.open'] }).click()
    await page.getByRole('dialog').getByLabel(t['order.name'], { exact: true }).fill(`Changed ${language}`)
    await page.getByRole('dialog').getByLabel(t['options.under'], { exact: true }).fill('Old mail')
    await page.getByRole('button', { name: t['change.save'] }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: t['rehearsal.ask'] }).click()
    await page.getByRole('dialog').locator('details.more').evaluate((one) => { one.open = true })
    await page.getByRole('dialog').locator('td', { hasText: /^Old mail \/ / }).first().waitFor()
    await page.getByRole('dialog').getByRole('button', { name: t.close }).click()
    await page.getByText(t['kind.trial'], { exact: true }).click()
    await send(page)
    await state(page, t, 'finished', 'finished_with_errors')
    await look(page, `${language}-4-trial`)
    await action(page, t, 'full')
    await confirm(page, t, 'full')
    await page.getByText(t['pass.full'], { exact: true }).waitFor({ timeout: PATIENCE })
    await state(page, t, 'finished', 'finished_with_errors')
    await look(page, `${language}-6-finished`)
    const sum = await tile(page, t, 'copied') + await tile(page, t, 'duplicate') + await tile(page, t, 'skipped')
    assert.ok(sum >= player().messages, `${sum} of ${player().messages} messages are accounted for`)
    assert.equal(await tile(page, t, 'pending'), 0)
    await page.locator('.account').getByRole('button', { name: t['account.details'] }).click()
    await page.locator('tbody tr').first().waitFor()
    await page.locator('.entries li, .dialog-body [role=status]').first().waitFor()
    await look(page, `${language}-7-details`)
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: t['download.manifest'] }).click()
    const text = Buffer.concat(await (await (await download).createReadStream()).toArray()).toString()
    assert.ok(text.trim().split('\r\n').length > player().messages, 'a line for each message')
    await page.getByRole('button', { name: t['export.make'] }).click()
    await page.locator('.files a').first().waitFor({ timeout: PATIENCE })
    await page.getByRole('dialog').getByRole('button', { name: t.close }).click()
    await action(page, t, 'delta')
    await confirm(page, t, 'delta')
    await page.getByText(t['pass.delta']).waitFor({ timeout: PATIENCE })
    await state(page, t, 'finished', 'finished_with_errors')
    await look(page, `${language}-8-delta`)
    await action(page, t, 'undo')
    await look(page, `${language}-8-undo`)
    await confirm(page, t, 'undo')
    await page.getByText(t['undo.begun']).waitFor()
    await page.getByRole('dialog').getByRole('button', { name: t.close }).click()
    await action(page, t, 'erase')
    await page.getByLabel(t['erase.word'].replace('{word}', t['erase.word_value'])).fill(t['erase.word_value'])
    // While something is being undone, erasing is refused.
    const box = page.getByRole('dialog')
    for (const until = Date.now() + PATIENCE; (await box.count()) && Date.now() < until;) {
      await box.getByRole('button', { name: t['action.erase.do'], exact: true }).click({ timeout: 2000 }).catch(() => {})
      await page.waitForTimeout(1000)
    }
    await state(page, t, 'erased')
    await look(page, `${language}-9-erased`)
    assert.deepEqual(wrong, [])
    await close()
  })
}

test('a table of 50 is sent, started before the analysis ends, paused, resumed and finished', async () => {
  const { page, wrong, close } = await open(browser, given.url)
  await provider(page, en, 'Fifty')
  const table = `source_user,source_password,destination_mailbox\r\n${given.many.map((one) => `${one.source},${one.password},${one.mailbox}\r\n`).join('')}`
  await page.locator('#table').setInputFiles({ name: 'accounts.csv', mimeType: 'text/csv', buffer: Buffer.from(table) })
  await send(page)
  await page.locator('.end.passed').first().waitFor({ timeout: PATIENCE })
  await look(page, 'fifty-1-checking')
  await send(page)
  await page.locator('.step-buttons .primary:enabled').waitFor({ timeout: PATIENCE })
  await look(page, 'fifty-2-confirm')
  await send(page)
  await state(page, en, 'running')
  await page.waitForTimeout(4000)
  await look(page, 'fifty-3-running')
  await action(page, en, 'pause')
  await state(page, en, 'paused')
  await look(page, 'fifty-4-paused')
  await action(page, en, 'resume')
  await state(page, en, 'finished', 'finished_with_errors')
  await look(page, 'fifty-5-finished')
  assert.equal(await tile(page, en, 'copied'), given.many.reduce((sum, one) => sum + one.messages, 0))
  assert.deepEqual(wrong, [])
  await close()
})

for (const [t, language, viewport] of [[en, 'en', PHONE], [de, 'de', DESKTOP]]) {
  test(`a scheduled start comes by itself, and sooner when asked for (${language})`, async () => {
    const { page, wrong, close } = await open(browser, given.url, { viewport, language })
    const player = given.later[language]
    await provider(page, t, `Later ${language}`)
    await add(page, t, player)
    await send(page)
    await badge(page, t['account.state.ready']).waitFor({ timeout: PATIENCE })
    await send(page)
    await page.getByText(t['when.later'], { exact: true }).click()
    // The field has minutes: the next one is at least half a minute away. German is asked to begin now, an hour before its time.
    const at = new Date(Date.now() + (language === 'en' ? 90_000 : 3_600_000))
    await page.getByLabel(t['when.time']).fill(at.toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' }).slice(0, 16).replace(' ', 'T'))
    await look(page, `later-${language}-1-confirm`)
    await send(page)
    await state(page, t, 'scheduled')
    await page.locator('.account').waitFor()
    await look(page, `later-${language}-2-scheduled`)
    if (language === 'de') {
      await action(page, t, 'start')
      await confirm(page, t, 'start')
    }
    await state(page, t, 'finished', 'finished_with_errors')
    if (language === 'en') assert.ok(Date.now() > new Date(at).setSeconds(0, 0), 'nothing begins before its time')
    await look(page, `later-${language}-3-finished`)
    assert.equal(await tile(page, t, 'copied'), player.messages)
    assert.deepEqual(wrong, [])
    await close()
  })
}
