// How the page reads tables of accounts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EXAMPLE, account, decode, parse } from '../../functions/status/page/csv.js'

const octets = (text, encoding = 'utf8') => { const all = Buffer.from(text, encoding); return all.buffer.slice(all.byteOffset, all.byteOffset + all.length) }
const read = (text) => parse(text)
const codes = (text) => read(text).faults.map((one) => [one.line, one.code])

test('columns stand in any order, with comma, semicolon or tab', () => {
  for (const c of [',', ';', '\t']) {
    const { accounts, faults } = read(`destination_mailbox${c}Source_User${c}source_password\r\na@example.org${c}a@example.net${c}secret\r\n`)
    assert.deepEqual(faults, [])
    assert.deepEqual(account(accounts[0]), { source: { user: 'a@example.net', password: 'secret' }, destination: { mailbox: 'a@example.org' } })
  }
})

test('quotes hold separators, quotes and line ends; passwords keep their blanks', () => {
  const { accounts } = read('source_user,source_password,destination_mailbox\n"a@example.net"," p,""\n ",a@example.org\n')
  assert.equal(accounts[0].source_password, ' p,"\n ')
})

test('a byte order mark, UTF-16 and Windows-1252 are understood', () => {
  const text = 'source_user,source_password,destination_mailbox\nä@example.net,ß,a@example.org\n'
  for (const [given, encoding] of [[`\ufeff${text}`, 'utf8'], [`\ufeff${text}`, 'utf16le'], [text, 'latin1']]) {
    assert.equal(read(decode(octets(given, encoding))).accounts[0].source_user, 'ä@example.net')
  }
})

test('both shapes without a head line are read', () => {
  const five = read('admin@example.net,example.net,anna,anna@example.org,secret\n').accounts[0]
  assert.deepEqual(account(five), { source: { user: 'anna@example.net', admin_user: 'admin@example.net' }, destination: { mailbox: 'anna@example.org', password: 'secret' } })
  const six = read('admin,group,anna@example.net,anna,secret,anna@example.org\n').accounts[0]
  assert.deepEqual(account(six), { source: { user: 'anna@example.net', admin_user: 'admin' }, destination: { mailbox: 'anna@example.org', user: 'anna', password: 'secret' } })
})

test('what is wrong is named with its line', () => {
  assert.deepEqual(codes(''), [[1, 'empty']])
  assert.deepEqual(codes('source_user,colour\n'), [[1, 'column'], [1, 'missing']])
  const head = 'source_user,source_password,destination_mailbox\n'
  assert.deepEqual(codes(`${head}a,b,c,d\n`), [[2, 'width']])
  assert.deepEqual(codes(`${head},x,a@example.org\na@example.net,x,nowhere\n`), [[2, 'user'], [3, 'mailbox']])
  assert.deepEqual(codes(`${head}a,x,a@example.org\n\nA,y,A@example.org\n`), [[4, 'repeated']])
  assert.deepEqual(codes(`${head}a,"x,a@example.org\n`).at(0), [2, 'quote'])
})

test('the example can be read', () => {
  const { accounts, faults } = read(EXAMPLE)
  assert.deepEqual(faults, [])
  assert.equal(accounts[0].source_password, 'first, password')
})
