// Refusals of the API at the fields that they name.

import { fault } from './dom.js'
import { has, told } from './texts.js'

/** Marks the fields that a refusal names (paths of the API to their holders), and gives what is named nowhere. */
export function mark(problem, fields) {
  for (const holder of Object.values(fields)) fault(holder, '')
  const rest = (problem.parts ?? [problem]).filter((part) => {
    const name = Object.keys(fields).find((one) => part.field === one || part.field?.startsWith(`${one}.`))
    const code = part.code ?? problem.code ?? ''
    // The words of the service say more than the name of a kind of fault.
    if (name) fault(fields[name], /^field\./.test(code) && !has(`code.${code}`) ? part.detail : told(code, part.detail))
    return !name
  })
  const first = Object.values(fields).find((holder) => holder.classList.contains('wrong'))
  for (let place = first?.closest('details'); place; place = place.parentElement.closest('details')) place.open = true
  first?.querySelector('input, select, textarea')?.focus()
  return rest
}
