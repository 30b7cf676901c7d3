// What a refusal of the API means, in the page's language.

import { has, t, told } from './texts.js'

/** Says what a refusal means and what to do. */
export function explain(problem) {
  const parts = problem.parts.slice(0, 5).map((part) => {
    const place = part.row ? t('problem.row', { n: part.row }) : part.place ? part.place : part.field && !has(`code.${part.code}`) ? part.field : ''
    return `${place ? `${place}: ` : ''}${told(part.code ?? problem.code, part.detail ?? part.title)}`
  })
  if (problem.total > 5) parts.push(t('problem.more', { n: problem.total - 5 }))
  return parts.join('\n')
}
