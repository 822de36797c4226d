import { readStatus, type Status } from './api.ts'
import { counted, element, number } from './elements.ts'

const REFRESH_MILLISECONDS = 5_000

/** Keeps the strip up to date while the page is looked at. */
export function followStatus(strip: HTMLElement): void {
  const refresh = async (): Promise<void> => {
    if (document.hidden) return
    try {
      strip.replaceChildren(...describeStatus(await readStatus()))
    } catch {
      strip.replaceChildren(element('span', { class: 'status-item' }, 'The server does not answer; trying again.'))
    }
  }
  void refresh()
  setInterval(() => void refresh(), REFRESH_MILLISECONDS)
  document.addEventListener('visibilitychange', () => void refresh())
}

function describeStatus(status: Status): HTMLElement[] {
  return [
    ...servedBy(status),
    item('status-images', counted(status.images, 'picture')),
    item('status-pairs', counted(status.pairs, 'pair')),
    progress(status),
  ]
}

function servedBy({ release, training }: Status): HTMLElement[] {
  if (release !== null) {
    return [
      element('span', { class: 'status-item' }, dot('good'), 'Model ', strong('status-model', release.modelVersion)),
      element('span', { class: 'status-item' }, 'Generation ', strong('status-generation', release.generation)),
    ]
  }
  const words =
    training.missingPairs > 0
      ? `No model yet: ${counted(training.missingPairs, 'more pair')} start the first training.`
      : 'No model yet: the first one is being trained.'
  return [element('span', { class: 'status-item', 'data-testid': 'no-model' }, dot('waiting'), strong('', words))]
}

/** How full the store is before the next training: towards the first, or towards the share of new pairs that asks for another. */
function progress({ training, release }: Status): HTMLElement {
  const { base, newPairs, threshold, missingPairs } = training
  const first = release === null && missingPairs > 0
  const needed = first ? newPairs + missingPairs : Math.floor(base * threshold) + 1
  const words = first ? 'until the first training' : 'until the next training'
  const share = Math.min(1, needed === 0 ? 0 : newPairs / needed)
  const fill = element('span', { class: 'progress-fill' })
  fill.style.width = `${(share * 100).toFixed(1)}%`
  return element(
    'span',
    { class: 'status-item status-progress', 'data-testid': 'status-progress' },
    `${number(newPairs)} of ${counted(needed, 'new pair')} ${words}`,
    element(
      'span',
      {
        class: 'progress',
        role: 'progressbar',
        'aria-label': `New pairs ${words}`,
        'aria-valuemin': '0',
        'aria-valuemax': String(needed),
        'aria-valuenow': String(Math.min(newPairs, needed)),
      },
      fill,
    ),
  )
}

const item = (testId: string, words: string): HTMLElement =>
  element('span', { class: 'status-item', 'data-testid': testId }, words)
const strong = (testId: string, words: string): HTMLElement =>
  element('strong', testId === '' ? {} : { 'data-testid': testId }, words)
const dot = (state: string): HTMLElement => element('span', { class: `dot ${state}`, 'aria-hidden': 'true' })
