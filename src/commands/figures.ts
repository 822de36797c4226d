/** Figures as people read them: thousands separators, one decimal where one is enough. */
const whole = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })
const upToFour = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 4 })

/** `3350` as `3,350`. */
export const wholeNumber = (value: number): string => whole.format(value)

/** Thousands separators and at most four decimals. */
export const plainNumber = (value: number): string => upToFour.format(value)

/** A share as a percentage: `0.1234` as `12.3 %`. */
export const percentage = (share: number): string => `${(100 * share).toFixed(1)} %`

/** A change with its sign, the minus being one that reads as one: `+0.0311`, `−0.0042`. */
export function signed(value: number, decimals = 4): string {
  const magnitude = Math.abs(value).toFixed(decimals)
  if (Number(magnitude) === 0) return magnitude
  return `${value < 0 ? '−' : '+'}${magnitude}`
}

/** Milliseconds as `0.4 s`, `12.3 s`, `2 min 05 s` or `1 h 02 min`. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const rounded = Math.round(seconds)
  if (rounded < 3600) return `${Math.floor(rounded / 60)} min ${pad(rounded % 60)} s`
  return `${Math.floor(rounded / 3600)} h ${pad(Math.floor((rounded % 3600) / 60))} min`
}

/** Milliseconds since a start as on a stop-watch: `0:07`, `12:30`, `1:02:03`. */
export function stopwatch(milliseconds: number): string {
  const seconds = Math.floor(Math.max(0, milliseconds) / 1000)
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60]
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(seconds % 60)}` : `${minutes}:${pad(seconds % 60)}`
}

/** `1 pair`, `3,350 pairs`. */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${wholeNumber(count)} ${count === 1 ? noun : plural}`

const pad = (value: number): string => String(value).padStart(2, '0')

/** Bytes as `2.1 kB`, `86.7 MB` or `1,215 MB`. */
export const megabytes = (bytes: number): string => {
  const millions = bytes / 1_000_000
  if (bytes < 100_000) return `${(bytes / 1000).toFixed(1)} kB`
  return `${millions < 100 ? millions.toFixed(1) : whole.format(millions)} MB`
}
