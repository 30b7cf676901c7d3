// Some work for each of many, a few at a time: a service that asks for a pause gets it, and a single failure stops nothing.

const AT_ONCE = 4
/** How often a service that does not answer is asked; one that names a time is asked for as long as it does. */
const TRIES = 5
const SILENT = [0, 429, 502, 503, 504]

/** The seconds until a refused request may be sent again; nothing where that would not help. */
function pauseOf({ status, after }, tries) {
  if (after) return after
  return SILENT.includes(status) && tries < TRIES ? 2 ** tries : null
}

/** Begins the work; `progress` hears how many are through, `paused` for how many seconds nothing is sent, and 0 when that is over. */
export function bulk(all, work, { progress, paused }) {
  const rest = all[Symbol.iterator]()
  const failures = []
  let done = 0, until = 0, stopped = false

  async function rested() {
    if (Date.now() >= until) return
    while (!stopped && Date.now() < until) await new Promise((wake) => setTimeout(wake, Math.min(500, until - Date.now())))
    if (!stopped) paused(0)
  }
  async function one(item) {
    for (let tries = 1; ; tries += 1) {
      await rested()
      if (stopped) return
      try {
        return await work(item)
      } catch (problem) {
        const seconds = pauseOf(problem, tries)
        if (seconds === null) return failures.push({ item, problem })
        until = Math.max(until, Date.now() + seconds * 1000)
        if (!stopped) paused(seconds)
      }
    }
  }
  async function walk() {
    // The walks share one iterator, so each item is taken once.
    for (const item of rest) {
      await one(item)
      if (stopped) return
      progress(done += 1)
    }
  }
  return {
    /** Ends with what could not be done. */
    ended: Promise.all(Array.from({ length: AT_ONCE }, walk)).then(() => failures),
    /** Sends nothing more. */
    stop: () => (stopped = true),
  }
}
