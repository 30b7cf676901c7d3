// Hands a file to the browser without asking any server.

/** Saves parts of a text as a file. */
export function download(name, parts, type = 'text/csv;charset=utf-8') {
  const address = URL.createObjectURL(new Blob(parts, { type }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
