import { plainNumber, stopwatch, wholeNumber } from '../figures.ts'
import { figure } from './charts/figure.ts'
import { gainScale, gateInterval } from './charts/gate-interval.ts'
import { developmentCurves, lossCurves } from './charts/learning-curves.ts'
import { recallBars } from './charts/recall-bars.ts'
import { fullName, legend } from './charts/series.ts'
import { timeline } from './charts/timeline.ts'
import { escapeMarkup } from './markup.ts'
import { judgedDecisions, nameOf } from './report-summary.ts'
import type { Story, StoryDecision, StoryModel } from './story.ts'

const number = (text: string): string => `<td class="number">${text}</td>`

function modelRow(model: StoryModel): string {
  const { pairs, history, recall } = model
  const judged = recall === null ? ['–', '–'] : [recall.ndcg10.toFixed(4), plainNumber(recall.medianRank)]
  const cells = [wholeNumber(pairs), wholeNumber(history.length), ...judged].map(number).join('')
  return `<tr><th scope="row">${escapeMarkup(fullName(model))}</th>${cells}</tr>`
}

const figureHeadings = ['Pairs', 'Epochs', 'NDCG@10', 'Median rank']

/** How good every model is: recall as bars, the other figures as a table. */
export function recallSection({ models }: Story): string {
  const bars = recallBars(models)
  const headings = figureHeadings.map((heading) => `<th class="number" scope="col">${heading}</th>`).join('')
  const table =
    '<div class="scroll"><table><caption>What else there is to know of them. The median rank counts from 1.</caption>' +
    `<thead><tr><th scope="col">Model</th>${headings}</tr></thead>` +
    `<tbody>${models.map(modelRow).join('')}</tbody></table></div>`
  if (bars === null) return `<h2>How good the models are</h2>${table}`
  return `<h2>How good the models are</h2>${legend(models)}<div class="panels">${figure(bars)}${table}</div>`
}

/** How the models learned: loss and development recall by epoch. */
export function trainingSection({ models }: Story): string {
  const trained = models.some(({ history }) => history.length > 0)
  if (!trained) return '<h2>How they learned</h2><p>No model was trained.</p>'
  const panels = figure(lossCurves(models)) + figure(developmentCurves(models))
  return `<h2>How they learned</h2>${legend(models)}<div class="panels">${panels}</div>`
}

function guardrails({ evidence }: StoryDecision): string {
  if (evidence === null || evidence.guardrails.length === 0) return ''
  const items = evidence.guardrails.map(
    ({ name, hurt, detail }) => `<li>${hurt ? '✗' : '✓'} ${escapeMarkup(name)}: ${escapeMarkup(detail)}</li>`,
  )
  return `<details><summary>${items.length} guardrails</summary><ul>${items.join('')}</ul></details>`
}

const knownStates = ['promoted', 'rejected', 'inconclusive', 'reverted']

const consolations: Readonly<Record<string, string>> = {
  rejected:
    'This is correct behaviour: the model that works stays in service, and the challenger is kept with its evidence.',
  inconclusive: 'This is correct behaviour: with so few pictures nobody could tell, so nothing changes yet.',
}

function decisionItem(decision: StoryDecision, { startedAt, models }: Story): string {
  const { state, modelVersion, sentence, at } = decision
  const className = knownStates.includes(state) ? `state ${state}` : 'state'
  const consolation = consolations[state] === undefined ? '' : `<p class="note">${consolations[state]}</p>`
  return (
    `<li><span class="${className}">${escapeMarkup(state)}</span><b>${escapeMarkup(nameOf(models, modelVersion))}</b> ` +
    `<span class="note">at ${stopwatch(at - startedAt)}</span>` +
    `<p>${escapeMarkup(sentence)}</p>${consolation}${guardrails(decision)}</li>`
  )
}

/** Every decision in words, and an interval for each that the gate made on evidence. */
export function gateSection(story: Story): string {
  const judged = judgedDecisions(story.decisions)
  const scale = gainScale(judged.map(({ evidence }) => evidence))
  const charts = judged.map(({ state, modelVersion, evidence }) =>
    figure(gateInterval(`${nameOf(story.models, modelVersion)}: ${state}`, evidence, scale)),
  )
  const items = story.decisions.map((decision) => decisionItem(decision, story)).join('')
  const list = items === '' ? '<p>Nothing was decided.</p>' : `<ol class="decisions">${items}</ol>`
  const explanation =
    charts.length === 0
      ? ''
      : '<p class="lead">A challenger is promoted when the dot of both sets together is at or past the margin and the left end of its line is past zero.</p>'
  return `<h2>What the gate decided</h2>${list}${explanation}<div class="panels">${charts.join('')}</div>`
}

/** Stages and events over time, then every line with its time. */
export function timelineSection(story: Story): string {
  const rows = story.lines.map(
    ({ at, topic, text }) =>
      `<tr><td class="number">${stopwatch(at - story.startedAt)}</td><td><code>${escapeMarkup(topic ?? '')}</code></td><td>${escapeMarkup(text)}</td></tr>`,
  )
  const table =
    '<div class="scroll"><table class="lines"><caption>Time since the start, in minutes and seconds.</caption>' +
    '<thead><tr><th class="number" scope="col">Time</th><th scope="col">Topic</th><th scope="col">What happened</th></tr></thead>' +
    `<tbody>${rows.join('')}</tbody></table></div>`
  return `<h2>The timeline</h2>${figure(timeline(story), 'wide')}<h2>Everything that was told</h2>${table}`
}
