// Adding figures up, by the same rule as reporting/entrypoints/web/sums.py; a test holds the two against each other.

export const LEVELS = [0.05, 0.1, 0.2]

const COUNTS = ["total", "open", "occupied", "reserved", "free", "available"]

// When this figure stops being trusted, as a number of milliseconds; never for one without observations.
export function trustedUntil(figure, limits) {
  if (!figure.oldest_observed_at) return Infinity
  const limit = limits.care_types[figure.care_type] ?? limits.sectors[figure.sector] ?? limits.other
  return Date.parse(figure.oldest_observed_at) + limit + limits.grace
}

export function addUp(figures, limits, now) {
  const sum = { total: null, open: null, occupied: null, reserved: null, free: null, available: null, held: 0, units: 0, units_known: 0, oldest: null, newest: null, incomplete: false }
  for (const figure of figures) {
    sum.units += figure.units
    sum.held += figure.held
    sum.incomplete ||= Boolean(figure.incomplete)
    if (now > trustedUntil(figure, limits)) continue
    // Null stays null until something is known, and a count that is left out is as unknown: neither is a 0.
    for (const count of COUNTS) if (figure[count] != null) sum[count] = (sum[count] ?? 0) + figure[count]
    sum.units_known += figure.units_known
    if (figure.oldest_observed_at) sum.oldest = Math.min(sum.oldest ?? Infinity, Date.parse(figure.oldest_observed_at))
    if (figure.newest_observed_at) sum.newest = Math.max(sum.newest ?? -Infinity, Date.parse(figure.newest_observed_at))
  }
  return sum
}

// Of a thousand units some are always late; only when more than one in ten is unknown a sum deserves a mark.
export const isPatchy = sum => (sum.units - sum.units_known) * 10 > sum.units
export const shareAvailable = sum => (sum.available !== null && sum.open ? sum.available / sum.open : null)
export const shareOccupied = sum => (sum.occupied !== null && sum.open ? Math.min(1, sum.occupied / sum.open) : null)
export const levelOf = share => (share === null ? 0 : LEVELS.filter(from => share >= from).length)
