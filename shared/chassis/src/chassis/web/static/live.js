// What every live page needs: the server's clock, ages, the night switch, and a stream that says so when it is silent.

// ---- the server's clock: computers in hospitals keep bad time, so it decides every age ----
let skew = Date.parse(document.body.dataset.now) - Date.now()
export const now = () => Date.now() + skew

const clockFormat = new Intl.DateTimeFormat("nl-NL", { timeZone: "Europe/Amsterdam", hour: "2-digit", minute: "2-digit", second: "2-digit" })
const numberFormat = new Intl.NumberFormat("nl-NL")
export const clock = instant => clockFormat.format(instant)
export const number = value => numberFormat.format(value)

// The same words as chassis.web.words.age.
export function age(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60_000))
  if (minutes < 1) return "nu"
  if (minutes < 60) return `${minutes}\u00a0min`
  if (minutes < 1440) return `${Math.floor(minutes / 60)}\u00a0u\u00a0${String(minutes % 60).padStart(2, "0")}`
  return `${Math.floor(minutes / 1440)}\u00a0d`
}

// Writing the same text again would move a screen reader's cursor and cost a layout.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}

const clockElement = document.getElementById("clock")
function tellTime() {
  say(clockElement, clock(now()))
}
tellTime()
setInterval(tellTime, 1000)

// ---- night ----
const theme = document.getElementById("theme")
const root = document.documentElement
const isDark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark"
theme.hidden = false
theme.setAttribute("aria-pressed", String(isDark()))
theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark"
  localStorage.setItem("theme", root.dataset.theme)
  theme.setAttribute("aria-pressed", String(isDark()))
})

// ---- the stream ----
const SILENCE_MS = 12_000
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 30_000

const indicator = document.getElementById("live")
const outage = document.getElementById("outage")
const outageSince = document.getElementById("outage-since")

/**
 * Follow a stream for as long as the page can be seen.
 *
 * The server sends what is known, then changes, both as unnamed messages, and every few seconds a `tick` with its own time and with
 * the time at which it last heard from Kafka: a server that lost Kafka still answers, and must not look alive.
 * `onRecord` gets each figure, `onReset` says that all figures come anew, `onTick` that what was sent so far is whole.
 */
export function follow(url, { onRecord, onReset, onTick }) {
  let source = null
  let heardAt = Date.parse(document.body.dataset.heard) // the server's time of what we show
  let arrivedAt = -Infinity // our own monotonic time of the last sign from the server
  let openedAt = 0
  let wait = FIRST_WAIT_MS
  let nextTry = 0

  function open() {
    source?.close()
    openedAt = performance.now()
    source = new EventSource(url)
    source.addEventListener("message", event => {
      arrivedAt = performance.now()
      const records = JSON.parse(event.data)
      for (const record of Array.isArray(records) ? records : [records]) onRecord(record)
    })
    source.addEventListener("tick", event => {
      arrivedAt = performance.now()
      wait = FIRST_WAIT_MS
      const tick = JSON.parse(event.data)
      skew = Date.parse(tick.now) - Date.now()
      if (tick.heard_at) heardAt = Date.parse(tick.heard_at)
      onTick()
      judge()
    })
    source.addEventListener("reset", () => {
      arrivedAt = performance.now()
      onReset()
    })
  }

  function close() {
    source?.close()
    source = null
  }

  function judge() {
    const silentFor = performance.now() - Math.max(arrivedAt, openedAt)
    const isConnecting = arrivedAt < openedAt
    if (silentFor > SILENCE_MS || (!isConnecting && !(now() - heardAt <= SILENCE_MS))) show("off", "Niet live")
    else if (!isConnecting && source?.readyState === EventSource.OPEN) show("on", "Live")
    else if (!indicator.classList.contains("is-off")) show("waiting", "Verbinden…")
  }

  function show(state, word) {
    indicator.className = `live is-${state}`
    say(indicator.lastElementChild, word)
    outage.hidden = state !== "off"
    if (state === "off") say(outageSince, Number.isNaN(heardAt) ? "onbekende tijd" : clock(heardAt))
  }

  // A browser gives up for good on a 502, and does not notice a line that was cut without a word: we open a new one ourselves.
  function watch() {
    if (document.hidden || !source) return
    judge()
    const time = performance.now()
    const isLost = source.readyState === EventSource.CLOSED || time - Math.max(arrivedAt, openedAt) > SILENCE_MS
    if (!isLost || time < nextTry) return
    // Not all at once: every page in the country loses its stream at the same moment when a gateway restarts.
    nextTry = time + wait * (1 + Math.random() / 2)
    wait = Math.min(LONGEST_WAIT_MS, wait * 2)
    renew().then(() => {
      if (!document.hidden && source) open()
    })
  }

  // A session lasts half a day and a screen on a wall hangs for weeks: asking for the page again renews it.
  async function renew() {
    try {
      await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(5000) })
    } catch {
      // The server cannot be reached: the stream that is tried next finds that out too, and the page already says so.
    }
  }

  // A tab that nobody sees takes one of the few connections that a browser has for a server.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close()
    else if (!source) open()
  })
  addEventListener("pagehide", close)
  addEventListener("pageshow", event => {
    if (event.persisted && !source) open()
  })

  if (!document.hidden) open()
  judge()
  setInterval(watch, 1000)
}
