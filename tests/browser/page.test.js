// Journeys over the page in a real browser. Against the mock of the API they show every step of the page; whether
// mail really moves is the business of the journeys against the deployed local stack.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DESKTOP, PHONE, barriers, launch, open, picture } from './browser.js'
import { KEY, start } from './mock/server.js'
import de from '../../functions/status/page/texts-de.js'
import en from '../../functions/status/page/texts-en.js'

let browser, mock
before(async () => {
  browser = await launch()
  mock = await start({ undo: true, speed: 0.5 })
})
after(async () => {
  mock.stop()
  await browser.close()
})

/** Looks at a step: a picture, no overflow, nothing serious for axe. */
async function look(page, name) {
  const wide = await picture(page, name)
  assert.deepEqual(wide, [], `${name}: something overflows`)
  assert.deepEqual(await barriers(page), [], `${name}: barriers`)
}

const texts = { en, de }

/** Fills the first step and goes on. */
async function provider(page, t, { search = 'gmx', name = '' } = {}) {
  await page.getByRole('searchbox', { name: t['provider.search'] }).fill(search)
  await page.locator('.provider').first().click()
  if (name) await page.getByLabel(t['order.name']).fill(name)
  await page.getByLabel(t['access.key']).fill(KEY)
  await page.getByRole('button', { name: t['provider.next'] }).click()
}

async function add(page, t, user, password = 'secret') {
  await page.getByLabel(t['account.source_user']).fill(`${user}@example.net`)
  await page.getByLabel(t['account.source_password']).fill(password)
  await page.getByLabel(t['account.mailbox'], { exact: true }).fill(`${user}@example.org`)
  await page.getByRole('button', { name: t['account.add'] }).click()
}

const send = (page) => page.locator('.step-buttons .primary').click()
const state = (page, t, name, timeout = 30_000) => page.locator('.badge.large', { hasText: new RegExp(`^${t[`state.${name}`]}$`) }).waitFor({ timeout })

for (const [look_, viewport, language, dark] of [['desktop', DESKTOP, 'en', false], ['desktop-dark', DESKTOP, 'de', true], ['phone', PHONE, 'de', false], ['phone-dark', PHONE, 'en', true]]) {
  test(`one account goes from the provider to the end (${look_}, ${language})`, async () => {
    const t = texts[language]
    const { page, wrong, close } = await open(browser, mock.url, { viewport, language, dark })
    const shot = (name) => look(page, `${look_}-${language}-${name}`)
    await page.getByRole('heading', { level: 1, name: t['provider.title'] }).waitFor()
    await shot('1-provider')
    await page.getByRole('searchbox', { name: t['provider.search'] }).fill('someone@gmail.com')
    await page.locator('.provider', { hasText: 'imap.gmail.com' }).click()
    await page.getByText(t['options.title']).click()
    for (const help of await page.locator('.help > summary').all()) await help.click()
    await shot('1-provider-open')
    await provider(page, t, { name: 'Example Ltd <b>&amp;' })
    await add(page, t, 'anna')
    await add(page, t, 'ben', 'wrong')
    await add(page, t, 'nobody')
    await add(page, t, 'a-very-long-name-that-somebody-once-chose-for-a-department')
    await shot('2-accounts-entered')
    await send(page)
    await page.locator('.badge', { hasText: t['account.state.check_failed'] }).first().waitFor()
    await page.locator('.badge', { hasText: t['account.state.ready'] }).nth(1).waitFor()
    await shot('2-accounts-checked')
    await page.locator('.account', { hasText: 'ben@example.net' }).getByRole('button', { name: t['account.correct'] }).click()
    await page.getByRole('dialog').getByLabel(t['account.source_password']).fill('right')
    await shot('2-accounts-correct')
    await page.getByRole('button', { name: t['account.save'] }).click()
    await page.locator('.account', { hasText: 'ben@example.net' }).locator('.badge', { hasText: t['account.state.ready'] }).waitFor()
    await page.getByRole('checkbox', { name: /nobody/ }).click()
    await page.locator('.account.left-out').waitFor()
    await send(page)
    await page.locator('.tile').first().waitFor()
    await shot('3-confirm')
    await page.getByText(t['when.later'], { exact: true }).click()
    await page.getByText(t['kind.prestage'], { exact: true }).click()
    await shot('3-confirm-later')
    await page.getByText(t['when.now'], { exact: true }).click()
    await page.getByText(t['kind.full'], { exact: true }).click()
    await send(page)
    await state(page, t, 'running')
    await page.waitForTimeout(7000)
    await shot('4-running')
    await page.getByRole('button', { name: t['action.pause'], exact: true }).click()
    await state(page, t, 'paused')
    await shot('4-paused')
    await page.getByRole('button', { name: t['action.resume'] }).click()
    await state(page, t, 'finished_with_errors', 60_000)
    await shot('5-finished')
    await page.locator('.account', { hasText: 'anna@example.net' }).getByRole('button', { name: t['account.details'] }).click()
    await page.locator('.entries li').nth(2).waitFor()
    await page.getByText('Übersicht 2024').last().waitFor()
    await shot('5-details')
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: t['download.manifest'] }).click()
    const text = await (await (await download).createReadStream()).toArray()
    assert.equal(Buffer.concat(text).toString().trim().split('\r\n').length, 10, 'three parts with one head line')
    await page.getByRole('dialog').getByRole('button', { name: t.close }).click()
    await page.getByRole('button', { name: t['action.delta'], exact: true }).click()
    await shot('6-delta')
    await page.getByRole('button', { name: t['action.delta.do'], exact: true }).last().click()
    await page.getByText(t['pass.delta']).waitFor()
    await state(page, t, 'finished_with_errors', 60_000)
    await page.getByRole('button', { name: t['action.erase'], exact: true }).click()
    await page.getByRole('button', { name: t['action.erase.do'] }).click()
    await page.getByText(t['erase.word_fault'].replace('{word}', t['erase.word_value'])).waitFor()
    await shot('7-erase')
    await page.getByLabel(t['erase.word'].replace('{word}', t['erase.word_value'])).fill(t['erase.word_value'])
    await page.getByRole('button', { name: t['action.erase.do'] }).click()
    await state(page, t, 'erased')
    await shot('7-erased')
    assert.deepEqual(wrong, [])
    await close()
  })
}
