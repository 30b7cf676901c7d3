// The texts of the page against what the service says: no code of a fault comes out in English in a German page or mail.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import de from '../../functions/status/page/texts-de.js'
import en from '../../functions/status/page/texts-en.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Codes whose first word says that people see them. */
const SEEN = /"((?:access|account|accounts|analyze|check|destination|duplicate|export|function|lane|limit|plan|source|too_large|undo|vault|verify|voucher|webhook)\.[a-z_]+)"/g
/** What never leaves the service, or stands in no text: paths of fields, notes for programs, mistakes of ours. */
const UNSEEN = /^(destination\.(access|bad_page|no_search)|source\.(access|no_folder)|accounts\.js|access\.missing|webhook\.(not_permitted|url))$/

const codes = () => ['shared', 'functions'].flatMap((folder) => readdirSync(`${ROOT}/${folder}`, { recursive: true }).filter((name) => name.endsWith('.rs') && !/tests?\b/.test(name) && !name.startsWith('testkit'))
  .flatMap((name) => [...readFileSync(`${ROOT}/${folder}/${name}`, 'utf8').split('#[cfg(test)]')[0].matchAll(SEEN)].map(([, code]) => code)))

test('every code that people see has a German text', () => {
  const all = new Set(codes())
  assert.ok(all.size > 80, `${all.size} codes were found`)
  assert.deepEqual([...all].filter((code) => !UNSEEN.test(code) && !(`code.${code}` in de)).sort(), [])
})

test('the same places are filled in in both languages', () => {
  const places = (text) => [...new Set(JSON.stringify(text).match(/\{\w+\}/g) ?? [])].sort()
  for (const key of Object.keys(en)) if (key in de) assert.deepEqual(places(de[key]), places(en[key]), key)
})

test('one thing has one name in German', () => {
  for (const [key, text] of Object.entries(de)) assert.doesNotMatch(JSON.stringify(text), /\b(Migration|Delta|Duplikat|Dublette|fehlgeschlagen)/i, key)
})
