// Speed over time, drawn from what this page has seen since it was opened.

import { h, say, svg } from './dom.js'
import { bytes, duration, number, t } from './texts.js'

const WIDTH = 600, HEIGHT = 140, LEFT = 4, BOTTOM = 4
const KEPT = 240
/** The time over which the present speed is taken, in milliseconds. */
const WINDOW = 30_000

export function speedChart() {
  const samples = []
  const line = svg('path', { class: 'chart-line' })
  const area = svg('path', { class: 'chart-area' })
  const grid = [0.25, 0.5, 0.75].map((share) => svg('line', { class: 'chart-grid', x1: 0, x2: WIDTH, y1: HEIGHT * share, y2: HEIGHT * share }))
  const picture = svg('svg', { class: 'chart', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' }, grid, area, line)
  const now = h('p', { class: 'speed', role: 'status' })
  const scale = h('p', { class: 'hint scale' })
  const element = h('figure', { class: 'chart-card' }, h('figcaption', null, h('h3', null, t('speed.title')), now), picture, scale)

  function rates() {
    return samples.slice(1).map((one, no) => {
      // Each point is the mean of what was seen in the ten seconds before it.
      const from = samples.findLast((before, at) => at <= no && one.at - before.at >= 10_000) ?? samples[Math.max(0, no - 4)]
      return { at: one.at, rate: Math.max(0, (one.done - from.done) / Math.max(1, one.at - from.at)) * 1000 }
    })
  }
  return {
    element,
    /** Takes a sample, and gives the seconds that the rest takes at the present speed, when that can be told. */
    update({ totals }, moving) {
      const done = totals.found - totals.pending
      if (moving) samples.push({ at: Date.now(), done, bytes: totals.bytes_done })
      if (samples.length > KEPT) samples.shift()
      const points = rates()
      element.hidden = points.length < 3
      if (element.hidden) return null
      const most = Math.max(1, ...points.map((one) => one.rate))
      const [first, last] = [points[0].at, points.at(-1).at]
      const xy = points.map(({ at, rate }) => `${(LEFT + ((at - first) / Math.max(1, last - first)) * (WIDTH - 2 * LEFT)).toFixed(1)},${(HEIGHT - BOTTOM - (rate / most) * (HEIGHT - 20)).toFixed(1)}`)
      line.setAttribute('d', `M${xy.join('L')}`)
      area.setAttribute('d', `M${LEFT},${HEIGHT}L${xy.join('L')}L${WIDTH - LEFT},${HEIGHT}Z`)
      say(scale, t('speed.scale', { most: number(Math.round(most)), time: duration((last - first) / 1000) }))
      const end = samples.at(-1), from = samples.find((one) => end.at - one.at <= WINDOW)
      const seconds = (end.at - from.at) / 1000
      const [messages, octets] = seconds ? [(end.done - from.done) / seconds, (end.bytes - from.bytes) / seconds] : [0, 0]
      const text = t(moving ? 'speed.now' : 'speed.last', { messages: number(Math.round(messages * 10) / 10), bytes: bytes(Math.max(0, octets)) })
      say(now, text)
      picture.setAttribute('aria-label', `${t('speed.title')}: ${text}`)
      return moving && messages > 0 && seconds >= 10 ? totals.pending / messages : null
    },
  }
}

