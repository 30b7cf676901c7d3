// Journeys over the page in a real browser. Against the mock of the API they show every step of the page; whether
// mail really moves is the business of the journeys against the deployed local stack.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DESKTOP, PHONE, barriers, launch, open, picture } from './browser.js'
import { KEY, VOUCHER, start } from './mock/server.js'
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
    await page.getByText(t['bottleneck.source']).waitFor()
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

const rows = (count) => `source_user;source_password;destination_mailbox\r\n${Array.from({ length: count }, (_, no) => `u${no}@example.net;"a;b""${no}";u${no}@example.org\r\n`).join('')}`

test('a table of 50 accounts is previewed, corrected, sent and moved', async () => {
  const { page, wrong, close } = await open(browser, mock.url)
  await provider(page, en, { name: 'Fifty' })
  const bad = `${rows(50)}no-address;x;nowhere\r\nu1@example.net;y;u1@example.org\r\n`
  await page.locator('#table').setInputFiles({ name: 'accounts.csv', mimeType: 'text/csv', buffer: Buffer.from(`\ufeff${bad}`, 'utf16le') })
  await page.getByText('2 lines of the table cannot be used').waitFor()
  await page.getByText('is the same account as line 3').waitFor()
  assert.ok(await page.locator('.step-buttons .primary').isDisabled())
  await look(page, 'table-faults')
  await page.getByLabel(en['csv.skip']).check()
  mock.calls.length = 0
  await send(page)
  await page.getByText('50 of 50 accounts checked.').waitFor({ timeout: 30_000 })
  const sent = JSON.parse(mock.calls.find((one) => one.path === '/v1/migrations').body)
  assert.equal(sent.accounts.length, 50)
  assert.equal(sent.accounts[7].source.password, 'a;b"7')
  await look(page, 'table-checked')
  await page.getByRole('searchbox', { name: en['filter.find'] }).fill('u49@')
  await page.locator('.account').nth(1).waitFor({ state: 'detached' })
  assert.equal(await page.locator('.account').count(), 1)
  await send(page)
  await page.getByText(en['kind.trial'], { exact: true }).click()
  await send(page)
  await state(page, en, 'finished_with_errors', 90_000)
  await page.getByText(en['pass.trial']).waitFor()
  await page.getByRole('button', { name: en['action.full'] }).click()
  await page.getByRole('dialog').getByRole('button', { name: en['action.full.do'], exact: true }).click()
  await state(page, en, 'running')
  await page.getByRole('button', { name: en['action.cancel'], exact: true }).click()
  await page.getByRole('dialog').getByRole('button', { name: en['action.cancel.do'] }).click()
  await state(page, en, 'cancelled')
  assert.deepEqual(wrong, [])
  await close()
})

test('10,000 accounts are sent in parts and shown in pages', async () => {
  const { page, wrong, close } = await open(browser, mock.url)
  await provider(page, en)
  await page.locator('#table').setInputFiles({ name: 'accounts.csv', mimeType: 'text/csv', buffer: Buffer.from(rows(10_000)) })
  await page.getByText('10,000 accounts', { exact: true }).waitFor()
  mock.calls.length = 0
  await send(page)
  await page.getByRole('heading', { name: en['check.title'] }).waitFor({ timeout: 30_000 })
  assert.equal(mock.calls.filter((one) => one.method === 'POST').length, 5)
  await page.getByText('1 to 25 of 10,000').waitFor()
  assert.equal(await page.locator('.account').count(), 25)
  const begun = Date.now()
  await page.getByRole('button', { name: en['page.after'] }).click()
  await page.getByText('26 to 50 of 10,000').waitFor()
  assert.ok(Date.now() - begun < 1500, 'the next page comes at once')
  await page.getByRole('searchbox', { name: en['filter.find'] }).fill('u9999@')
  await page.getByText('u9999@example.net').waitFor()
  assert.deepEqual(wrong, [])
  await close()
})

test('a start may be scheduled, and then begun at once', async () => {
  const { page, wrong, close } = await open(browser, mock.url, { language: 'de', viewport: PHONE })
  await provider(page, de)
  await add(page, de, 'carl')
  await send(page)
  await page.locator('.badge', { hasText: de['account.state.ready'] }).waitFor()
  await send(page)
  await page.getByText(de['when.later'], { exact: true }).click()
  await page.getByLabel(de['when.time']).fill('2020-01-01T10:00')
  await send(page)
  await page.getByText(de['when.fault']).waitFor()
  await page.getByLabel(de['when.time']).fill('2099-01-01T10:00')
  await send(page)
  await state(page, de, 'scheduled')
  await look(page, 'scheduled-phone-de')
  await page.getByRole('button', { name: de['action.start'] }).click()
  await page.getByRole('dialog').getByRole('button', { name: de['action.start.do'] }).click()
  await state(page, de, 'running')
  assert.deepEqual(wrong, [])
  await close()
})

test('what is refused is told at the field, and with what to do next', async () => {
  const { page, close } = await open(browser, mock.url)
  await page.getByRole('button', { name: en['provider.next'] }).click()
  await page.getByText(en['provider.host_fault']).waitFor()
  await look(page, 'refused-fields')
  await page.getByRole('searchbox').fill('gmx')
  await page.locator('.provider').first().click()
  await page.getByLabel(en['access.key']).fill('wrong')
  await page.getByRole('button', { name: en['provider.next'] }).click()
  await add(page, en, 'dora')
  await send(page)
  await page.getByText(en['code.access.refused']).waitFor()
  await look(page, 'refused-key')
  await page.getByRole('button', { name: en.back }).click()
  await page.getByLabel(en['access.key']).fill(KEY)
  await page.getByRole('button', { name: en['provider.next'] }).click()
  await page.getByText('dora@example.net').waitFor()
  await add(page, en, 'refused')
  await send(page)
  await page.getByText('refused@example.net.source.password: is missing').waitFor()
  await close()
})

test('a wrong link says so and leads to a new order', async () => {
  const { page, close } = await open(browser, `${mock.url}/#nothing.here`, { viewport: PHONE })
  await page.getByText(en['link.title']).waitFor()
  await look(page, 'wrong-link-phone')
  await page.getByRole('button', { name: en.new_order }).click()
  await page.getByRole('heading', { name: en['provider.title'] }).waitFor()
  await close()
})

test('the link alone brings a person back, the language changes in place, and the keyboard is enough', async () => {
  const { page, wrong, close } = await open(browser, mock.url)
  await provider(page, en)
  await page.getByLabel(en['account.source_user']).focus()
  for (const text of ['emil@example.net', 'secret', 'emil@example.org']) {
    await page.keyboard.type(text)
    await page.keyboard.press('Tab')
  }
  await page.keyboard.press('Enter')
  await page.locator('.preview li').waitFor()
  await page.locator('.step-buttons .primary').focus()
  await page.keyboard.press('Enter')
  await page.locator('.badge', { hasText: en['account.state.ready'] }).waitFor()
  await page.reload()
  await page.locator('.badge', { hasText: en['account.state.ready'] }).waitFor()
  await page.getByLabel(en.language).selectOption('de')
  await page.getByRole('heading', { name: de['check.title'] }).waitFor()
  assert.equal(await page.getAttribute('html', 'lang'), 'de')
  assert.deepEqual(wrong, [])
  await close()
})

test('both languages have the same texts', () => {
  const own = (texts) => Object.keys(texts).filter((key) => !key.startsWith('code.')).sort()
  assert.deepEqual(own(de), own(en))
})

test('the server behind an address of no known provider is looked up', async () => {
  const { page, wrong, close } = await open(browser, mock.url)
  await page.getByRole('searchbox', { name: en['provider.search'] }).fill('info@odd.example.org')
  await page.locator('.provider', { hasText: 'imap.odd.example.org' }).click()
  assert.equal(await page.getByLabel(en['provider.port']).inputValue(), '143')
  assert.equal(await page.getByLabel(en['provider.security']).inputValue(), 'starttls')
  assert.deepEqual(wrong, [])
  await close()
})

for (const [t, language, viewport] of [[en, 'en', DESKTOP], [de, 'de', PHONE]]) {
  test(`a certificate that no authority vouches for is shown and may be trusted (${language})`, async () => {
    const { page, wrong, close } = await open(browser, mock.url, { language, viewport })
    await provider(page, t)
    await add(page, t, 'selfsigned')
    await send(page)
    await page.locator('.account').getByRole('button', { name: t['account.trust'] }).click()
    await page.getByText('a1b2'.repeat(16)).waitFor()
    await look(page, `trust-${language}`)
    mock.calls.length = 0
    await page.getByRole('dialog').getByRole('button', { name: t['account.trust'] }).click()
    await page.locator('.badge', { hasText: t['account.state.ready'] }).waitFor()
    assert.deepEqual(JSON.parse(mock.calls.find((one) => one.method === 'PATCH').body), { source: { fingerprint: 'a1b2'.repeat(16) } })
    assert.deepEqual(wrong, [])
    await close()
  })
}

test('no text stands in English among the German ones', () => {
  const same = Object.keys(en).filter((key) => JSON.stringify(en[key]) === JSON.stringify(de[key]))
  const alike = ['page.of', 'provider.search_example', 'security.starttls']
  assert.deepEqual(same.filter((key) => !alike.includes(key) && !/^(Name|Port)$/.test(en[key])), [])
  const english = /\b(the|and|is|are|with|not|your|mail was)\b/i
  for (const [key, text] of Object.entries(de)) for (const one of [text].flatMap((some) => Object.values(typeof some === 'string' ? [some] : some))) assert.doesNotMatch(one, english, key)
})

test('a public trial is confirmed by its link, and goes on with a voucher', async () => {
  const { page, wrong, close } = await open(browser, mock.url, { viewport: PHONE, language: 'de' })
  const known = new Set(mock.migrations.keys())
  await page.getByRole('searchbox', { name: de['provider.search'] }).fill('gmx')
  await page.locator('.provider').first().click()
  await page.getByRole('button', { name: de['provider.next'] }).click()
  await page.getByText(de['access.trial_fault']).waitFor()
  await page.getByLabel(de['order.notify']).fill('anna@example.net')
  await page.getByLabel(de['access.user'], { exact: false }).first().check()
  await page.getByRole('button', { name: de['provider.next'] }).click()
  await page.getByLabel(de['account.mailbox_password']).fill('secret')
  await add(page, de, 'anna')
  await send(page)
  await page.getByRole('heading', { name: de['address.mailed'] }).waitFor()
  await look(page, 'trial-1-mailed')
  const one = [...mock.migrations.values()].find((each) => !known.has(each.view.id))
  await page.goto(`${mock.url}/#${one.view.id}.${one.token}`)
  await page.getByRole('button', { name: de['address.confirm'] }).waitFor()
  assert.equal(one.view.unconfirmed, true, 'opening the link alone confirms nothing')
  await look(page, 'trial-2-confirm')
  await page.getByRole('button', { name: de['address.confirm'] }).click()
  await page.locator('.badge', { hasText: de['account.state.ready'] }).waitFor()
  await send(page)
  await page.locator('.tile').first().waitFor()
  await look(page, 'trial-3-voucher')
  await send(page)
  await page.getByText(de['voucher.missing']).waitFor()
  await page.getByLabel(de['voucher.code']).fill('guess')
  await send(page)
  await page.getByText(de['code.voucher.refused']).waitFor()
  await page.getByLabel(de['voucher.code']).fill(VOUCHER)
  await send(page)
  await state(page, de, 'running')
  assert.deepEqual(wrong.filter((text) => !text.includes('422')), [])
  await close()
})

test('the link of a voucher fills the key in and does not stay in the address line', async () => {
  const { page, close } = await open(browser, `${mock.url}/#voucher=${VOUCHER}`)
  assert.equal(await page.getByLabel(en['access.key']).inputValue(), VOUCHER)
  assert.equal(new URL(page.url()).hash, '')
  await close()
})
