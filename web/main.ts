import { imageAddress, ProblemError, search, type Hit, type Query, type SearchResult } from './api.ts'
import { createDetail } from './detail.ts'
import { counted, element, hideBroken, part } from './elements.ts'
import { onPicture } from './picture-input.ts'
import { isEmpty, modeOf, noQuery, readAddress, writeAddress } from './query-address.ts'
import { resultCard } from './results.ts'
import { followStatus } from './status-strip.ts'

const PAGE = 24

const form = part('search', HTMLFormElement)
const text = part('text', HTMLInputElement)
const chip = part('query-picture', HTMLDivElement)
const summary = part('summary', HTMLParagraphElement)
const problem = part('problem', HTMLDivElement)
const results = part('results', HTMLElement)
const more = part('more', HTMLButtonElement)

let query: Query = noQuery
let hits: readonly Hit[] = []
let running = new AbortController()

const detail = createDetail(part('detail', HTMLDialogElement), {
  like: ({ imageId }) => ask({ ...query, text: '', picture: null, like: imageId, target: 'images', mode: 'vector' }),
  captionsOf: ({ imageId }) =>
    ask({ ...query, text: '', picture: null, like: imageId, target: 'captions', mode: 'vector' }),
})

/** Makes `next` the query, puts it into the address, and searches. */
function ask(next: Query): void {
  query = next
  const address = writeAddress(query)
  if (address !== location.pathname + location.search) history.pushState(null, '', address)
  showQuery()
  void run()
}

function showQuery(): void {
  text.value = query.text
  for (const name of ['target', 'mode'] as const) {
    const radio = form.querySelector<HTMLInputElement>(`input[name="${name}"][value="${query[name]}"]`)
    if (radio !== null) radio.checked = true
  }
  // Words can be compared with words only.
  for (const radio of form.querySelectorAll<HTMLInputElement>('input[name="mode"]')) {
    radio.disabled = query.like !== null || query.picture !== null
  }
  document.title = query.text === '' ? 'Pairstream' : `${query.text} – Pairstream`
  showChip()
}

function showChip(): void {
  const source = query.picture === null ? query.like && imageAddress(query.like) : URL.createObjectURL(query.picture)
  chip.hidden = source === null
  if (source === null) return
  const words = query.picture === null ? 'Like this picture' : query.picture.name
  const drop = () => ask({ ...query, like: null, picture: null })
  chip.replaceChildren(
    element('img', { src: source, alt: '', onload: () => URL.revokeObjectURL(source), onerror: hideBroken }),
    element('span', {}, words),
    element(
      'button',
      { type: 'button', class: 'close', 'aria-label': 'Search without this picture', onclick: drop },
      '×',
    ),
  )
}

async function run(offset = 0): Promise<void> {
  running.abort()
  running = new AbortController()
  const { signal } = running
  problem.hidden = true
  more.hidden = true
  results.toggleAttribute('aria-busy', !isEmpty(query))
  if (isEmpty(query)) {
    showWelcome()
    return
  }
  try {
    showResult(await search(query, offset, PAGE, signal), offset)
  } catch (error) {
    if (!signal.aborted) showProblem(error)
  } finally {
    if (!signal.aborted) results.removeAttribute('aria-busy')
  }
}

function showResult(result: SearchResult, offset: number): void {
  hits = offset === 0 ? result.hits : [...hits, ...result.hits]
  const { target, mode } = query
  const best = hits[0]?.score ?? 0
  const shown = { hits, mode, modelVersion: result.modelVersion, generation: result.generation }
  const cards = hits.map((hit, rank) =>
    resultCard(hit, { target, mode, best, rank, open: () => detail.open(shown, rank) }),
  )
  results.className = `results results-${target}`
  if (offset === 0)
    results.replaceChildren(...(result.noMatch === true && cards.length > 0 ? [weakNotice()] : []), ...cards)
  else results.append(...cards.slice(offset))
  if (offset > 0 && cards.length > offset) cards[offset]?.focus()
  more.hidden = result.hits.length < PAGE
  const found = counted(hits.length, target === 'images' ? 'picture' : 'caption')
  const where = mode !== 'text' && result.generation !== null ? ` in generation ${result.generation}` : ''
  summary.textContent = hits.length === 0 ? nothingFound() : `${found}${where}, ${result.tookMs.toFixed(1)} ms`
}

const weakNotice = (): HTMLElement =>
  element('p', { class: 'weak', 'data-testid': 'no-match' }, 'Nothing here matches well. The nearest are:')

const nothingFound = (): string =>
  query.mode === 'text' ? 'No caption has these words. Try others, or search by meaning.' : 'Nothing is indexed yet.'

function showProblem(error: unknown): void {
  const known =
    error instanceof ProblemError ? error : new ProblemError('unknown', 'Something went wrong', String(error))
  summary.textContent = ''
  hits = []
  results.replaceChildren()
  const byWords = () => ask({ ...query, mode: 'text' })
  problem.replaceChildren(element('h2', {}, known.title), element('p', {}, known.message))
  problem.className = known.code === 'no-model' ? 'waiting' : ''
  if (known.code === 'no-model' && query.text !== '') {
    problem.append(element('button', { type: 'button', class: 'primary', onclick: byWords }, 'Search by words'))
  }
  problem.hidden = false
}

function showWelcome(): void {
  summary.textContent = ''
  hits = []
  results.className = 'results welcome'
  const way = (title: string, words: string) => element('div', {}, element('h2', {}, title), element('p', {}, words))
  results.replaceChildren(
    way('Describe it', 'Write what the picture should show, in a sentence or in a few words.'),
    way('Show it', 'Drop a picture anywhere, paste one, or choose one: the nearest come first.'),
    way('Follow it', 'Open a result, then ask for more like it, or for captions that fit it.'),
  )
}

const choice = (data: FormData, name: string): string => {
  const value = data.get(name)
  return typeof value === 'string' ? value : ''
}

function fromForm(changes: Partial<Query> = {}): Query {
  const data = new FormData(form)
  const target = choice(data, 'target') === 'captions' ? 'captions' : 'images'
  return { ...query, text: text.value.trim(), target, mode: modeOf(choice(data, 'mode')), ...changes }
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  ask(fromForm(text.value.trim() === '' ? {} : { like: null, picture: null }))
})
for (const radio of form.querySelectorAll('input[type="radio"]'))
  radio.addEventListener('change', () => ask(fromForm()))
more.addEventListener('click', () => void run(hits.length))
addEventListener('keydown', (event) => {
  const writing = event.target instanceof HTMLInputElement && event.target.type === 'search'
  if (event.key === '/' && !writing && document.querySelector('dialog[open]') === null) {
    event.preventDefault()
    text.select()
  }
})
addEventListener('popstate', start)
onPicture(part('picture', HTMLInputElement), part('drop', HTMLDivElement), (picture) => {
  ask({ ...fromForm(), text: '', like: null, picture, mode: 'vector' })
})

function start(): void {
  query = readAddress(new URLSearchParams(location.search))
  showQuery()
  void run()
}

followStatus(part('status', HTMLElement))
start()
