// The status e-mails as pictures, at desktop and phone width, light and dark: those that the tests of `notify` pin.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DESKTOP, PHONE, barriers, launch, picture } from './browser.js'

const PINNED = fileURLToPath(new URL('../../functions/notify/src/letter/snapshots', import.meta.url))

let browser
before(async () => { browser = await launch() })
after(() => browser.close())

const mails = readdirSync(PINNED).filter((name) => name.endsWith('.snap')).map((name) => {
  const [, text, html] = /Subject: [^\n]*\n\n(.*?)\n----\n(.*)$/s.exec(readFileSync(`${PINNED}/${name}`, 'utf8'))
  return { name: name.replace(/^.*tests__|\.snap$/g, ''), text, html }
})

test('every mail fits, reads without barriers, and asks nobody for a picture or a font', async () => {
  assert.ok(mails.length >= 10, 'both languages of every mail')
  for (const { name, html } of mails) {
    for (const [width, viewport] of [['desktop', DESKTOP], ['phone', PHONE]]) {
      for (const dark of [false, true]) {
        const context = await browser.newContext({ viewport, colorScheme: dark ? 'dark' : 'light' })
        const page = await context.newPage()
        const asked = []
        page.on('request', (request) => asked.push(request.url()))
        await page.setContent(html)
        const label = `mail-${name}-${width}${dark ? '-dark' : ''}`
        assert.deepEqual(await picture(page, label), [], label)
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, `${label} is too wide`)
        if (name.endsWith('.en') && width === 'phone') assert.deepEqual(await barriers(page), [], label)
        assert.deepEqual(asked, [], label)
        await context.close()
      }
    }
  }
})

test('the text part has no markup, no long lines but the link, and the link on a line of its own', () => {
  for (const { name, text } of mails) {
    assert.doesNotMatch(text, /<\/?(p|div|td|tr|li|br|a)\b|&(lt|gt|amp|quot|#\d+);/, name)
    assert.match(text, /^https?:\S+$/m, name)
    assert.doesNotMatch(text, /\n\n\n|[ \t]\n/, `${name} has odd gaps`)
  }
})
