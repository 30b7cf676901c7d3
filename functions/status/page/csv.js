// Reads a table of accounts: named columns in any order, or the two shapes without a head line.

const NAMES = ['source_user', 'source_password', 'source_admin_user', 'source_admin_password', 'source_host', 'destination_mailbox', 'destination_user', 'destination_password']

/** Decodes a file: UTF-16 by its mark, else UTF-8, else Windows-1252. */
export function decode(buffer) {
  const octets = new Uint8Array(buffer)
  if (octets[0] === 0xff && octets[1] === 0xfe) return new TextDecoder('utf-16le').decode(octets)
  if (octets[0] === 0xfe && octets[1] === 0xff) return new TextDecoder('utf-16be').decode(octets)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets)
  } catch {
    return new TextDecoder('windows-1252').decode(octets)
  }
}

/** Splits a text into rows of cells, with the number of the line where each begins (RFC 4180). */
export function split(text, separator) {
  const rows = []
  let cells = [], cell = '', quoted = false, line = 1, begun = 1
  const end = () => {
    cells.push(cell)
    if (cells.some((one) => one.trim())) rows.push({ line: begun, cells })
    cells = []
    cell = ''
  }
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i]
    if (c === '\n') line += 1
    if (quoted) {
      if (c === '"' && text[i + 1] === '"') cell += text[++i]
      else if (c === '"') quoted = false
      else cell += c
    } else if (c === '"' && !cell.trim()) {
      quoted = true
      cell = ''
    } else if (c === separator) {
      cells.push(cell)
      cell = ''
    } else if (c === '\n') {
      end()
      begun = line
    } else if (c !== '\r') cell += c
  }
  end()
  return { rows, open: quoted }
}

const separatorOf = (line) => [';', '\t', ','].map((one) => [line.split(one).length, one]).sort((a, b) => b[0] - a[0])[0][1]

/** Reads accounts. Gives `accounts` (each with its `line`) and `faults` ({line, code}); the codes are texts `csv.*`. */
export function parse(raw) {
  const text = raw.replace(/^\ufeff/, '')
  const first = text.split(/\r?\n/).find((line) => line.trim()) ?? ''
  const { rows, open } = split(text, separatorOf(first))
  if (!rows.length) return { accounts: [], faults: [{ line: 1, code: 'empty' }] }
  const faults = open ? [{ line: rows.at(-1).line, code: 'quote' }] : []
  const head = rows[0].cells.map((cell) => cell.trim().toLowerCase())
  const named = head.some((cell) => NAMES.includes(cell))
  if (named) {
    const unknown = head.filter((cell) => cell && !NAMES.includes(cell))
    if (unknown.length) faults.push({ line: rows[0].line, code: 'column', value: unknown.join(', ') })
    for (const needed of ['source_user', 'destination_mailbox']) if (!head.includes(needed)) faults.push({ line: rows[0].line, code: 'missing', value: needed })
    if (faults.length) return { accounts: [], faults }
  }
  const accounts = []
  for (const { line, cells } of named ? rows.slice(1) : rows) {
    const width = cells.length
    if (named ? width > head.length : width !== 5 && width !== 6) {
      faults.push({ line, code: 'width', value: String(width) })
      continue
    }
    const of = (name) => (named ? cells[head.indexOf(name)] : undefined) ?? ''
    const row = named ? Object.fromEntries(NAMES.map((name) => [name, name.endsWith('password') ? of(name) : of(name).trim()])) : headless(cells)
    accounts.push({ line, ...row })
  }
  return { accounts, faults: [...faults, ...check(accounts)] }
}

/** Source administrator, source group or domain, source mailbox, destination login, destination password[, destination mailbox]. */
function headless(cells) {
  const [admin, domain, user, login, password, mailbox] = cells.map((cell, no) => (no === 4 ? cell : cell.trim()))
  const source = user.includes('@') || !domain.includes('.') ? user : `${user}@${domain}`
  return { source_user: source, source_admin_user: admin, destination_user: mailbox ? login : '', destination_mailbox: mailbox || login, destination_password: password }
}

const isAddress = (text) => /^[^\s@<>,;"]{1,64}@[^\s@]+\.[^\s@]+$/.test(text)

/** Finds rows that cannot be accounts. */
export function check(accounts) {
  const faults = [], seen = new Map()
  for (const { line, source_user: user, source_host: host, destination_mailbox: mailbox } of accounts) {
    if (!user) faults.push({ line, code: 'user' })
    if (!isAddress(mailbox)) faults.push({ line, code: 'mailbox', value: mailbox })
    const pair = `${user}\n${host ?? ''}\n${mailbox}`.toLowerCase()
    if (seen.has(pair)) faults.push({ line, code: 'repeated', value: String(seen.get(pair)) })
    else seen.set(pair, line)
  }
  return faults
}

/** An example file. */
export const EXAMPLE = `${['source_user', 'source_password', 'destination_mailbox', 'destination_password'].join(',')}\r\nanna@example.net,"first, password",anna@example.org,\r\nben@example.net,second password,ben@example.org,\r\n`

/** Turns a row into an account of the API. */
export function account(row) {
  const some = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value))
  return {
    source: some({ user: row.source_user, password: row.source_password, oauth: row.source_oauth, admin_user: row.source_password ? '' : row.source_admin_user, admin_password: row.source_password ? '' : row.source_admin_password, host: row.source_host }),
    destination: some({ mailbox: row.destination_mailbox, user: row.destination_user, password: row.destination_password }),
  }
}
