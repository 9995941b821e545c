// The national page: keeps every figure by its key, adds up what each place on the page shows, and writes only what changed.

// The addresses carry the digest of their content, which an import written out in this file could not know.
const address = id => document.getElementById(id).href
const { age, clock, follow, now, number, say } = await import(address("live-script"))
const { addUp, isPatchy, levelOf, shareAvailable, shareOccupied, trustedUntil } = await import(address("sums-script"))

const page = document.getElementById("national")
const limits = JSON.parse(page.dataset.limits)
const filters = document.getElementById("filters")
const map = document.getElementById("map")
const reset = document.getElementById("reset")

// ---- what is shown where ----
// A place on the page is an element with `data-sum`; the elements with `data-field` in it are written from its sum. What it adds up
// is fixed, or follows the reader's choice: `places` follows sector, care type and cohort, `within` follows region and sector.
const places = [...document.querySelectorAll("[data-sum]")].map(element => ({
  element,
  follows: element.dataset.sum,
  region: element.dataset.region || null,
  careTypes: element.dataset.care ? new Set(element.dataset.care.split(" ")) : null,
  cohort: element.dataset.cohort || null,
  fields: [...element.querySelectorAll("[data-field]")].filter(field => field.closest("[data-sum]") === element),
  keys: new Set(),
}))

const FILTERS = ["sector", "care_type", "cohort"]
const picked = { sector: "", care_type: "", cohort: "", region: "" }

function readChoice(query) {
  for (const name of Object.keys(picked)) picked[name] = query.get(name) ?? ""
}
readChoice(new URLSearchParams(location.search))

function shows(place, figure) {
  if (place.region && place.region !== figure.region) return false
  if (place.careTypes && !place.careTypes.has(figure.care_type)) return false
  if (place.cohort && place.cohort !== figure.cohort) return false
  if (place.follows === "places") return FILTERS.every(name => !picked[name] || picked[name] === figure[name])
  if (place.follows === "within") return ["sector", "region"].every(name => !picked[name] || picked[name] === figure[name])
  return true
}

// ---- figures ----
const figures = new Map() // key → the newest version of the figure
const placesOf = new Map() // key → the places that show it
let isWhole = false // until the server has sent everything a sum would be too small
let stale = new Set() // places to write again
let isScheduled = false

function receive(figure) {
  if (figure.figure !== "beds" || figure.level !== "VR") return
  const key = `${figure.region}/${figure.sector}/${figure.care_type}/${figure.cohort}`
  const known = figures.get(key)
  // After a reconnection the server may tell again what we know; what is older never overwrites what is newer.
  if (known && known.version >= figure.version) return
  figures.set(key, figure)
  if (!known) link(key, figure)
  for (const place of placesOf.get(key)) stale.add(place)
  schedule()
}

function link(key, figure) {
  const showing = places.filter(place => shows(place, figure))
  for (const place of showing) place.keys.add(key)
  placesOf.set(key, showing)
}

function linkAll() {
  for (const place of places) place.keys.clear()
  for (const [key, figure] of figures) link(key, figure)
  stale = new Set(places)
}

function forgetAll() {
  figures.clear()
  isWhole = false
  linkAll()
}

function schedule() {
  if (isScheduled || !isWhole) return
  isScheduled = true
  requestAnimationFrame(() => {
    isScheduled = false
    const changed = stale
    stale = new Set()
    for (const place of changed) write(place)
    if (changed.size) hideEmptyBlocks()
  })
}

// ---- writing ----
const LIT_MS = 2500
const lit = new Map() // element → when its mark goes out; a mark and no animation, because fading cells cost a frame each

function write(place, { isQuiet = false } = {}) {
  const sum = addUp([...place.keys].map(key => figures.get(key)), limits, now())
  for (const field of place.fields) writers[field.dataset.field]?.(field, sum, isQuiet)
  if (place.element.dataset.row) place.element.hidden = sum.units === 0
}

function writeCount(field, sum, isQuiet) {
  const name = field.dataset.field
  const value = sum[name]
  const text = sum.units === 0 ? "·" : value === null ? "onbekend" : number(value)
  const className = sum.units === 0 ? "n none" : value === null ? "unknown" : name === "available" && value ? "n has" : "n"
  if (field.textContent !== text) {
    field.textContent = text
    if (name === "available" && !isQuiet) lit.set(field, performance.now() + LIT_MS)
  }
  const wanted = lit.has(field) ? `${className} lit` : className
  if (field.className !== wanted) field.className = wanted
}

function writeAge(field, sum) {
  say(field, sum.oldest === null ? "" : age(now() - sum.oldest))
  if (sum.oldest === null) {
    field.removeAttribute("datetime")
    field.removeAttribute("title")
    return
  }
  const instant = new Date(sum.oldest).toISOString()
  if (field.getAttribute("datetime") === instant) return
  field.setAttribute("datetime", instant)
  field.title = `oudste waarneming ${clock(sum.oldest)}`
}

const writers = {
  total: writeCount,
  open: writeCount,
  occupied: writeCount,
  reserved: writeCount,
  free: writeCount,
  held: writeCount,
  available: writeCount,
  age: writeAge,
  units(field, sum) {
    say(field, `${number(sum.units_known)}/${number(sum.units)}`)
    field.classList.toggle("is-old", isPatchy(sum))
  },
  "units-in-words"(field, sum) {
    say(field, `${number(sum.units_known)} van ${number(sum.units)} units bekend`)
    field.classList.toggle("is-old", isPatchy(sum))
  },
  "held-in-words"(field, sum) {
    say(field, sum.held ? `${number(sum.held)} vastgehouden` : "")
  },
  newest(field, sum) {
    say(field, sum.newest === null ? "onbekend" : clock(sum.newest))
    if (sum.newest !== null) field.setAttribute("datetime", new Date(sum.newest).toISOString())
  },
  incomplete(field, sum) {
    field.hidden = !sum.incomplete
  },
  share(field, sum) {
    field.setAttribute("width", ((shareOccupied(sum) ?? 0) * 100).toFixed(1))
  },
  tile(field, sum) {
    const className = `level-${levelOf(shareAvailable(sum))}${isPatchy(sum) ? " is-patchy" : ""}`
    if (field.className !== className) field.className = className
    const have = sum.units === 0 ? "geen units" : sum.available === null ? "onbekend" : `${number(sum.available)} beschikbaar`
    const title = `${field.dataset.name}: ${have}, ${number(sum.units_known)} van ${number(sum.units)} units bekend`
    if (field.title !== title) field.title = title
  },
}

function hideEmptyBlocks() {
  for (const block of page.querySelectorAll("[data-block]")) block.hidden = !block.querySelector("tr[data-row]:not([hidden])")
}

setInterval(() => {
  for (const [field, until] of lit) {
    if (performance.now() < until) continue
    lit.delete(field)
    field.classList.remove("lit")
  }
}, 500)

// ---- time passes: figures grow older, and unknown, also when nothing comes in ----
let toldAt = now()
setInterval(() => {
  if (!isWhole) return
  const time = now()
  for (const [key, figure] of figures) {
    const until = trustedUntil(figure, limits)
    if (toldAt <= until && until < time) for (const place of placesOf.get(key)) stale.add(place)
  }
  toldAt = time
  schedule()
}, 1000)
setInterval(() => {
  if (!isWhole) return
  for (const place of places) stale.add(place)
  schedule()
}, 15_000)

// ---- the reader's choice: the same addresses as without script, but nothing is loaded again and focus stays ----
function show() {
  linkAll()
  stale.clear()
  // What the reader asked for is no news: nothing is marked as changed.
  if (isWhole) for (const place of places) write(place, { isQuiet: true })
  hideEmptyBlocks()
  for (const name of FILTERS) {
    filters.elements[name].value = picked[name]
    map.elements[name].value = picked[name]
  }
  filters.elements.region.value = picked.region
  for (const tile of map.querySelectorAll("button")) {
    const region = tile.closest("[data-region]").dataset.region
    tile.setAttribute("aria-pressed", String(region === picked.region))
    tile.value = region === picked.region ? "" : region
  }
  for (const row of page.querySelectorAll("tr[data-region]")) row.classList.toggle("is-picked", row.dataset.region === picked.region)
  for (const link of page.querySelectorAll("a[data-pick]")) {
    const { pick: name, code } = link.dataset
    link.href = addressOf({ ...picked, [name]: code })
    if (code === picked[name]) link.setAttribute("aria-current", "true")
    else link.removeAttribute("aria-current")
  }
  const words = FILTERS.map(name => filters.elements[name].selectedOptions[0].textContent).join(" · ")
  for (const element of page.querySelectorAll("[data-words=places]")) say(element, words)
  const where = page.querySelector('a[data-pick="region"][aria-current]').textContent
  for (const element of page.querySelectorAll("[data-words=where]")) say(element, where)
  reset.hidden = !Object.values(picked).some(Boolean)
}

function addressOf(choice) {
  const query = new URLSearchParams(Object.entries(choice).filter(([, value]) => value))
  return query.size ? `${page.dataset.page}?${query}` : page.dataset.page
}

function pick(choice) {
  // Before the figures are here the server draws the choice.
  if (!isWhole) return false
  Object.assign(picked, choice)
  history.pushState(null, "", addressOf(picked))
  show()
  return true
}

function pickForm(event) {
  const form = new FormData(event.target, event.submitter)
  if (pick(Object.fromEntries(form))) event.preventDefault()
}
filters.addEventListener("submit", pickForm)
map.addEventListener("submit", pickForm)
reset.addEventListener("click", event => {
  if (!pick({ sector: "", care_type: "", cohort: "", region: "" })) return
  event.preventDefault()
  // The link goes away with the choice; focus must not go with it.
  filters.elements.sector.focus()
})
page.addEventListener("click", event => {
  const link = event.target.closest("a[data-pick]")
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return
  if (pick({ [link.dataset.pick]: link.dataset.code })) event.preventDefault()
})
addEventListener("popstate", () => {
  readChoice(new URLSearchParams(location.search))
  show()
})

follow(page.dataset.stream, {
  onRecord: receive,
  onReset: forgetAll,
  onTick() {
    if (isWhole) return
    isWhole = true
    // The page was drawn by the server a moment ago: only what really differs is written, and marked.
    for (const place of places) stale.add(place)
    schedule()
  },
})
