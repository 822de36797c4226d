import { giveFeedback, type Hit, type Mode, type Opinion } from './api.ts'
import { element } from './elements.ts'
import { describe, scoreBar } from './results.ts'

export type Shown = {
  readonly hits: readonly Hit[]
  readonly mode: Mode
  readonly modelVersion: string | null
  readonly generation: string | null
}

/** Shows one hit after another in the dialog; arrow keys step, Escape closes. */
export function createDetail(
  dialog: HTMLDialogElement,
  actions: { like: (hit: Hit) => void; captionsOf: (hit: Hit) => void },
) {
  let shown: Shown | null = null
  let at = 0

  const show = (index: number): void => {
    const hit = shown?.hits[index]
    if (shown === null || hit === undefined) return
    at = index
    // Nobody waits for it, and what comes of it changes nothing here.
    giveFeedback('click', hit).catch(() => undefined)
    dialog.replaceChildren(...content(hit, shown))
    if (!dialog.open) dialog.showModal()
    dialog.scrollTop = 0
    dialog.focus() // what had the focus is gone, and the arrow keys should go on
  }

  const leave = (action: (hit: Hit) => void, hit: Hit) => () => {
    dialog.close()
    action(hit)
  }

  const content = (hit: Hit, { hits, mode, modelVersion, generation }: Shown): HTMLElement[] => [
    element(
      'div',
      { class: 'detail-picture' },
      element('img', { src: hit.image, alt: describe(hit) }),
      step('previous', 'Previous result', at > 0, () => show(at - 1)),
      step('next', 'Next result', at < hits.length - 1, () => show(at + 1)),
    ),
    element(
      'div',
      { class: 'detail-text' },
      element('h2', { id: 'detail-title' }, describe(hit)),
      scoreBar(hit.score, hits[0]?.score ?? hit.score, mode),
      otherCaptions(hit),
      element(
        'div',
        { class: 'actions' },
        action('detail-more-like-this', 'primary', 'More like this', leave(actions.like, hit)),
        action('detail-captions', 'secondary', 'Captions for it', leave(actions.captionsOf, hit)),
      ),
      ...(hit.queryId === null ? [] : [opinions(hit)]),
      facts(hit, modelVersion, generation),
    ),
    element(
      'button',
      {
        type: 'button',
        class: 'close',
        'data-testid': 'detail-close',
        'aria-label': 'Close',
        onclick: () => dialog.close(),
      },
      '×',
    ),
  ]

  dialog.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') show(at - 1)
    if (event.key === 'ArrowRight') show(at + 1)
  })
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close() // beside the panel
  })

  return {
    open(results: Shown, index: number): void {
      shown = results
      show(index)
    },
  }
}

const action = (testId: string, kind: string, words: string, run: () => void): HTMLElement =>
  element('button', { type: 'button', class: kind, 'data-testid': testId, onclick: run }, words)

/** Two buttons of which one may be pressed; the newest opinion counts. */
function opinions(hit: Hit): HTMLElement {
  const said = element('span', { role: 'status', 'data-testid': 'detail-opinion' })
  const button = (opinion: Opinion, words: string): HTMLElement =>
    element(
      'button',
      {
        type: 'button',
        class: 'opinion',
        'aria-pressed': 'false',
        'data-testid': `detail-${opinion}`,
        onclick: () => void say(opinion),
      },
      words,
    )
  const buttons = { up: button('up', 'It fits'), down: button('down', 'It does not') }
  const say = async (opinion: Opinion): Promise<void> => {
    try {
      await giveFeedback(opinion, hit)
      for (const [name, each] of Object.entries(buttons)) each.setAttribute('aria-pressed', String(name === opinion))
      said.textContent = 'Thank you.'
    } catch (error) {
      said.textContent = error instanceof Error ? error.message : 'It could not be kept.'
    }
  }
  const question = 'Does it fit the search?'
  return element('div', { class: 'opinions', role: 'group', 'aria-label': question }, element('span', {}, question), buttons.up, buttons.down, said) // prettier-ignore
}

const step = (direction: 'previous' | 'next', words: string, possible: boolean, go: () => void): HTMLElement =>
  element(
    'button',
    { type: 'button', class: `step ${direction}`, 'aria-label': words, disabled: !possible, onclick: go },
    direction === 'previous' ? '‹' : '›',
  )

function otherCaptions(hit: Hit): HTMLElement {
  const title = describe(hit)
  const others = hit.captions.filter(({ caption }) => caption !== title)
  return element('ul', { class: 'captions' }, ...others.map(({ caption }) => element('li', {}, caption)))
}

function facts(hit: Hit, modelVersion: string | null, generation: string | null): HTMLElement {
  const rows: [string, string | HTMLElement][] = [
    ['Picture', element('a', { href: hit.image, target: '_blank', rel: 'noopener' }, hit.imageId)],
    ['Set', hit.split],
    ...(hit.relevance === null ? [] : [['Relevance', `${(hit.relevance * 100).toPrecision(2)} %`] as [string, string]]),
    ['Model', modelVersion === null ? 'none' : `${modelVersion}, generation ${generation ?? ''}`],
    ...Object.entries(hit.metadata),
  ]
  return element(
    'dl',
    { class: 'facts' },
    ...rows.flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, value)]),
  )
}
