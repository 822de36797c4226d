import { escapeMarkup } from '../markup.ts'
import type { StoryModel } from '../story.ts'

/** How many colours the style sheet has for models. */
const SERIES_COLOURS = 6

/** Beside colour, so that models can be told apart without it. */
const dashes = ['none', '7 3', '2 3', '9 3 2 3', '5 2 1 2 1 2', '12 4']

export const seriesClass = (index: number): string => `series-${index % SERIES_COLOURS}`
export const seriesDash = (index: number): string => dashes[index % dashes.length] ?? 'none'

/** A model's name with its version beside it, unless the name says it already. */
export const fullName = ({ label, modelVersion }: StoryModel): string =>
  label.includes(modelVersion) ? label : `${label} (${modelVersion})`

/** Which line is which model. */
export function legend(models: readonly StoryModel[]): string {
  const entries = models.map((model, index) => {
    const line = `<line x1="0" y1="6" x2="28" y2="6" class="curve ${seriesClass(index)}" stroke-dasharray="${seriesDash(index)}"/>`
    const swatch = `<svg viewBox="0 0 28 12" width="28" height="12" aria-hidden="true">${line}</svg>`
    return `<li>${swatch} ${escapeMarkup(fullName(model))}</li>`
  })
  return `<ul class="legend">${entries.join('')}</ul>`
}
