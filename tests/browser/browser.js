// A browser to drive, with pictures of what it shows and a list of what went wrong in it.

import { chromium } from 'playwright-core'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PICTURES = process.env.PICTURES ?? fileURLToPath(new URL('../../target/browser', import.meta.url))
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium'
const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
/** As root and without a terminal; nothing of its own talks to anybody. Its data is a fresh folder that the driver makes. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage']
export const PHONE = { width: 390, height: 844 }
export const DESKTOP = { width: 1280, height: 900 }

/** Starts Chromium, or says how to get it. */
export function launch() {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: apt-get install chromium, or name another by CHROMIUM`)
  mkdirSync(PICTURES, { recursive: true })
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
}

/** Opens a window that collects what went wrong: script errors, refusals of the policy, requests to other hosts. */
export async function open(browser, url, { viewport = DESKTOP, language = 'en', dark = false } = {}) {
  const context = await browser.newContext({ viewport, locale: language === 'de' ? 'de-DE' : 'en-GB', timezoneId: 'Europe/Berlin', colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce', permissions: ['clipboard-read', 'clipboard-write'] })
  if (process.env.PAGE_OF_TREE) await context.route((asked) => !asked.pathname.startsWith('/v1/'), fromTree)
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  const wrong = []
  page.on('pageerror', (error) => wrong.push(String(error)))
  page.on('console', (line) => line.type() === 'error' && !/status of (4|5)\d\d|net::ERR/.test(line.text()) && wrong.push(line.text()))
  page.on('request', (request) => !/^(data|blob):/.test(request.url()) && !request.url().startsWith(new URL(url).origin) && wrong.push(`asked ${request.url()}`))
  page.on('dialog', (dialog) => { wrong.push(`a script opened a dialog: ${dialog.message()}`); dialog.dismiss() })
  await page.goto(url)
  return { page, wrong, close: () => context.close() }
}

/** Answers with the page as it is in the tree, for a stack whose functions were built before. */
function fromTree(route) {
  const name = new URL(route.request().url()).pathname.slice(1) || 'index.html'
  return route.fulfill({ path: fileURLToPath(new URL(`../../functions/status/page/${name}`, import.meta.url)) })
}

/** Takes a picture of the whole page, and gives what is wider than the window. */
export async function picture(page, name) {
  await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: !(await page.locator('dialog[open]').count()) })
  return page.evaluate(() => {
    const wide = document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} wide`] : []
    for (const one of document.querySelectorAll('main *, header *, dialog *')) {
      if (one.closest('.scroll, svg, .hidden, [hidden]') || !one.getClientRects().length) continue
      const box = one.getBoundingClientRect()
      if (box.right > innerWidth + 1 || box.left < -1) wide.push(`${one.tagName}.${one.className} ends at ${Math.round(box.right)}`)
      if (getComputedStyle(one).overflow === 'visible' && !['INPUT', 'SELECT'].includes(one.tagName) && one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display !== 'inline' && one.clientWidth) wide.push(`${one.tagName}.${one.className} overflows: ${one.textContent.slice(0, 40)}`)
    }
    return wide
  })
}

/** Gives what axe-core finds serious or worse. */
export async function barriers(page) {
  // Put in by the driver, as the policy of the page forbids every script but its own.
  await page.evaluate(AXE)
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  return found.violations.filter((one) => ['serious', 'critical'].includes(one.impact)).map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ')}`)
}
