// How long the rest will take and what decides it, in words; nothing where the service has not said it.

import { duration, has, t, time } from './texts.js'

/** Says the duration as a span, such as “2 hours to 5 hours”. */
export function lasting({ seconds_low: low, seconds_high: high }) {
  const [from, to] = [low, high].map((one) => duration(Math.max(60, one)))
  return from === to ? t('estimate.about', { time: from }) : t('estimate.span', { from, to })
}

/** Says between which times the end is expected. */
export function ending({ seconds_low: low, seconds_high: high }, now = Date.now()) {
  const [from, to] = [low, high].map((one) => time(new Date(now + one * 1000).toISOString()))
  return from === to ? from : t('estimate.between', { from, to })
}

/** Says what decides the duration. */
export const limit = ({ bottleneck }) => (has(`bottleneck.${bottleneck}`) ? t(`bottleneck.${bottleneck}`) : '')
