import { isIP } from 'node:net'

/** What stands in a text in place of what was taken out of it. */
const marks = {
  email: '[email]',
  address: '[address]',
  card: '[card]',
  id: '[id]',
  phone: '[phone]',
  name: '[name]',
} as const

const MARK = new RegExp(
  Object.values(marks)
    .map((mark) => mark.replace(/[[\]]/g, '\\$&'))
    .join('|'),
)

/** Whether something was taken out of a text. */
export const hasMarks = (text: string): boolean => MARK.test(text)

const EMAIL = /[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu
/** Whatever has the letters of an IP address, which `isIP` then decides. */
const ADDRESS =
  /(?<![\p{L}\p{N}.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:.]*[0-9a-f:])(?![\p{L}\p{N}])/giu
/** 13 to 19 digits, in groups or not (ISO/IEC 7812), whatever stands between these. */
const CARD = /(?<!\d)\d(?:[ ./-]{0,2}\d){12,18}(?!\d)/g
/**
 * National ids of the shapes in use: digits in groups that no phone number has (USA 3-2-4, Nordic countries 6-4, Korea 6-7), and letters around
 * digits (United Kingdom, Spain, Italy).
 */
const NATIONAL_IDS = [
  /(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)/g,
  /(?<!\d)\d{6}[-+]\d{4}(?!\d)/g,
  /(?<!\d)\d{6}-\d{7}(?!\d)/g,
  /(?<![\p{L}\p{N}])[a-z]{2} ?\d{2} ?\d{2} ?\d{2} ?[a-d](?![\p{L}\p{N}])/giu,
  /(?<![\p{L}\p{N}])[xyz]?\d{7,8}-?[a-z](?![\p{L}\p{N}])/giu,
  /(?<![\p{L}\p{N}])[a-z]{6}\d{2}[a-ehlmprst]\d{2}[a-z]\d{3}[a-z](?![\p{L}\p{N}])/giu,
]
/** What is longer than a telephone number is a number of somebody, too: no count in a search is as long. */
const LONG_NUMBER = /(?<!\d)\d(?:[ ./-]?\d){8,}(?!\d)/g
/** Seven to fifteen digits (ITU-T E.164) in groups, or behind a plus. */
const PHONE = /(?<![\p{L}\p{N}])(?:\+\s?\d|\(\d|\d)[\d\s().\-/]{5,22}\d(?![\p{L}\p{N}])/gu
/** A day is no phone number: 2024-05-31, 31.05.2024, 5/31/2024. */
const DAY = /^(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4})$/

/** The check digit of cards (ISO/IEC 7812-1, annex B). */
function isCard(digits: string): boolean {
  const sum = Array.from(digits)
    .reverse()
    .reduce((total, digit, place) => {
      const value = Number(digit) * (place % 2 === 1 ? 2 : 1)
      return total + (value > 9 ? value - 9 : value)
    }, 0)
  return sum % 10 === 0
}

const digitsOf = (text: string): string => text.replaceAll(/\D/g, '')

function isPhone(text: string): boolean {
  const count = digitsOf(text).length
  return count >= 7 && count <= 15 && !DAY.test(text)
}

/** Without accents, in lower case: what names are compared by. */
const plain = (text: string): string => text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase()

/** What takes names out of a text: whole words, whatever their case and accents. */
export type Names = (text: string) => string

/** Names of one word or several, one an entry; the longest goes first, so that of a full name nothing stays behind. */
export function namesOf(names: readonly string[]): Names {
  const entries = names
    .map((name) => plain(name).split(/\s+/).filter(Boolean))
    .filter((words) => words.length > 0)
    .sort((a, b) => b.length - a.length)
  const byFirst = new Map<string, string[][]>()
  for (const words of entries) byFirst.set(words[0] ?? '', [...(byFirst.get(words[0] ?? '') ?? []), words])
  return (text) => {
    const found = [...text.matchAll(/[\p{L}\p{M}\p{N}'’-]+/gu)].map((match) => ({
      word: plain(match[0]),
      start: match.index,
      end: match.index + match[0].length,
    }))
    let [without, at] = ['', 0]
    for (let i = 0; i < found.length;) {
      const name = byFirst
        .get(found[i]?.word ?? '')
        ?.find((words) => words.every((word, next) => found[i + next]?.word === word))
      const [first, last] = [found[i], found[i + (name?.length ?? 1) - 1]]
      if (name !== undefined && first !== undefined && last !== undefined) {
        without += text.slice(at, first.start) + marks.name
        at = last.end
      }
      i += name?.length ?? 1
    }
    return without + text.slice(at)
  }
}

/**
 * The text with e-mail addresses, IP addresses, numbers of cards, national ids and telephones, and the names that `names` knows, each replaced by a mark
 * (`[email]`). It takes rather too much than too little: what was searched for is of use without a number of seven digits. Doing it again
 * changes nothing.
 */
export function withoutPersonalData(text: string, names: Names = (same) => same): string {
  // Letters and digits of full width, and other spaces, are read as plain ones; so would be whoever reads the record.
  const byRule = text
    .normalize('NFKC')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(EMAIL, marks.email)
    .replaceAll(ADDRESS, (found) => (isIP(found) === 0 ? found : marks.address))
    .replaceAll(CARD, (found) => (isCard(digitsOf(found)) ? marks.card : found))
  const withoutIds = NATIONAL_IDS.reduce((rest, rule) => rest.replaceAll(rule, marks.id), byRule)
  return names(
    withoutIds.replaceAll(PHONE, (found) => (isPhone(found) ? marks.phone : found)).replaceAll(LONG_NUMBER, marks.id),
  )
}
