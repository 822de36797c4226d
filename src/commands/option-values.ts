import { userInfo } from 'node:os'
import { InvalidArgumentError } from 'commander'
import { roles, type Role } from '../config.ts'
import { AppError, toAppError } from '../core/errors.ts'
import {
  accessRoles,
  allPermissions,
  isAccessRole,
  isPermission,
  type AccessRole,
  type Permission,
} from '../core/permissions.ts'
import { parseSplit, type Split } from '../core/split.ts'
import { parseRange } from '../core/value-range.ts'
import type { Filter } from '../ports/vector-index.ts'

/** Reads a whole number between two bounds. */
export const wholeNumber =
  (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`)
  }

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/

/** Reads an offset, or a time whose zone is said: what a log means by a time must not depend on where it is asked. */
export function offsetOrTime(text: string): number | Date {
  if (/^\d+$/.test(text)) return wholeNumber(0)(text)
  const time = new Date(text)
  if (TIME.test(text) && Number.isFinite(time.getTime()) && isDay(text.slice(0, 'YYYY-MM-DD'.length))) return time
  throw new InvalidArgumentError('It is an offset, a whole number, or a time such as 2026-11-20T12:00:00Z.')
}

/** Reads a time whose zone is said, as milliseconds since the epoch. */
export function pointInTime(text: string): number {
  const time = TIME.test(text) ? offsetOrTime(text) : null
  if (time instanceof Date) return time.getTime()
  throw new InvalidArgumentError('It is a time such as 2026-11-20T12:00:00Z.')
}

const DAY = 86_400_000

/** Reads a time to come: `90d` from now, or a time whose zone is said; as milliseconds since the epoch. */
export function timeToCome(text: string): number {
  const days = /^(\d{1,4})d$/.exec(text)?.[1]
  return days === undefined ? pointInTime(text) : Date.now() + Number(days) * DAY
}

export function accessRole(text: string): AccessRole {
  if (isAccessRole(text)) return text
  throw new InvalidArgumentError(`The roles are ${accessRoles.join(', ')}.`)
}

/** Adds a permission to those before. */
export function scope(text: string, before: readonly Permission[] = []): readonly Permission[] {
  if (isPermission(text)) return [...before, text]
  throw new InvalidArgumentError(`The permissions are ${allPermissions.join(', ')}.`)
}

/** Whether the calendar has the day: JavaScript takes the 30th of February for the 2nd of March. */
const isDay = (date: string): boolean => new Date(`${date}T00:00Z`).toISOString().startsWith(date)

/** Reads a SHA-256 in hexadecimal digits, as it is printed or after `sha256:`. */
export function sha256Digest(text: string): string {
  const digest = text.replace(/^sha256:/, '').toLowerCase()
  if (/^[0-9a-f]{64}$/.test(digest)) return digest
  throw new InvalidArgumentError('It is 64 hexadecimal digits.')
}

/** Reads `api,embed`. */
export function roleList(text: string): readonly Role[] {
  const names = text.split(',').map((name) => name.trim())
  const known = names.map((name) => roles.find((role) => role === name))
  if (known.some((role) => role === undefined)) throw new InvalidArgumentError(`The roles are ${roles.join(', ')}.`)
  return known.filter((role) => role !== undefined)
}

export function splitName(text: string): Split {
  try {
    const split = parseSplit(text)
    if (split !== null) return split
  } catch (error) {
    if (!(error instanceof AppError)) throw error
  }
  throw new InvalidArgumentError('It is one of train, validation (val, dev), fresh, test.')
}

/** Adds `name=value` to a filter; `split=test` filters by split. A name given again takes either value. */
export function filterTerm(text: string, before: Filter = {}): Filter {
  const [, name, value] = /^([^=]+)=([^]*)$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Write name=value.')
  if (name === 'split') return { ...before, splits: [...(before.splits ?? []), splitName(value)] }
  const metadata = before.metadata ?? {}
  return { ...before, metadata: { ...metadata, [name]: [...(metadata[name] ?? []), value] } }
}

/** Adds `name=FROM..TO` to the ranges of a filter. */
export function rangeTerm(text: string, before: NonNullable<Filter['ranges']> = {}): NonNullable<Filter['ranges']> {
  const [, name, range] = /^([^=]+)=([^]*)$/.exec(text) ?? []
  if (name === undefined || range === undefined) throw new InvalidArgumentError('Write name=FROM..TO.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError('Give one range a name.')
  try {
    return { ...before, [name]: parseRange(range) }
  } catch (error) {
    throw new InvalidArgumentError(toAppError(error).message)
  }
}

/** Reads a relevance from 0 to 1, or `auto`. */
export function leastRelevance(text: string): number | 'auto' {
  const value = Number(text)
  if (text === 'auto') return 'auto'
  if (text.trim() !== '' && value >= 0 && value <= 1) return value
  throw new InvalidArgumentError('It is a number from 0 to 1, or auto.')
}

/** Who is at the keyboard, for the audit. */
export function currentUser(): string {
  try {
    return userInfo().username
  } catch {
    return 'unknown' // a container may run under a number that has no name
  }
}
