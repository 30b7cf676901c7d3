// Asks again and again while the page is looked at; a silent server is asked less often.

/** Calls `ask` now and every so many milliseconds after its end, until stopped. `failed` hears of each failure, `well` of each success. */
export function poll(ask, milliseconds, { failed, well } = {}) {
  let timer, ended = false, failures = 0
  async function turn() {
    clearTimeout(timer)
    if (ended) return
    if (!document.hidden) {
      try {
        await ask()
        if (!ended && failures) well?.()
        failures = 0
      } catch (problem) {
        failures += 1
        if (!ended) failed?.(problem)
      }
    }
    if (!ended) timer = setTimeout(turn, milliseconds * Math.min(10, failures + 1))
  }
  const seen = () => !document.hidden && turn()
  document.addEventListener('visibilitychange', seen)
  turn()
  return {
    now: turn,
    stop() {
      ended = true
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', seen)
    },
  }
}
