// Speaks the API: one client per token, refusals as Problem, and what this installation offers.

/** A refusal of the API (RFC 9457), or no answer at all. */
export class Problem extends Error {
  constructor(body, status, after) {
    super(body.detail ?? body.title ?? String(status))
    this.status = status
    /** The seconds after which the service wants to be asked again. */
    this.after = after
    this.code = body.code ?? ''
    this.field = body.field
    this.row = body.row
    this.parts = body.errors ?? [body]
    this.total = body.errors_total ?? this.parts.length
  }
}

async function send(token, method, path, { body, key, text } = {}) {
  const headers = {}
  if (token) headers.authorization = `Bearer ${token}`
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (key) headers['idempotency-key'] = key
  let answer
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-cache' })
  } catch {
    throw new Problem({ code: 'page.no_answer' }, 0)
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}))
    throw new Problem({ code: `page.status_${answer.status}`, ...told }, answer.status, Number(answer.headers.get('retry-after')) || undefined)
  }
  if (text) return { text: await answer.text(), next: answer.headers.get('mailcrane-next-cursor') }
  return answer.status === 204 ? null : answer.json()
}

/** A client for the operator key, or for the capability token of one migration. */
export function client(token, id) {
  const root = `/v1/migrations${id ? `/${encodeURIComponent(id)}` : ''}`
  const fresh = () => crypto.randomUUID()
  return {
    token,
    id,
    get: (path = '') => send(token, 'GET', root + path),
    post: (path, body = {}, key = fresh()) => send(token, 'POST', root + path, { body, key }),
    patch: (path, body) => send(token, 'PATCH', root + path, { body }),
    remove: (path) => send(token, 'DELETE', root + path, { body: {} }),
    erase: () => send(token, 'DELETE', root, { body: {}, key: fresh() }),
    /** Collects the pages of a CSV export. */
    async csv(path, progress) {
      const parts = []
      let cursor = null
      do {
        const query = new URLSearchParams({ format: 'csv', ...(cursor && { cursor }) })
        const page = await send(token, 'GET', `${root}${path}?${query}`, { text: true })
        parts.push(parts.length ? page.text.slice(page.text.indexOf('\n') + 1) : page.text)
        cursor = page.next
        progress?.(parts.length)
      } while (cursor)
      return parts
    },
  }
}

let description
/** Tells whether this installation offers an operation; the page shows no button that leads nowhere. */
export async function offers(method, path) {
  description ??= send(null, 'GET', '/v1/openapi.json').catch(() => ({ paths: {} }))
  return Boolean((await description).paths?.[path]?.[method])
}

/** Reads an open part of the API. */
export const read = (path) => send(null, 'GET', path)
