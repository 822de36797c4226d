import type { Background, Place, Relation, SceneFacts, SceneObject, Statement } from './facts.ts'
import type { Dice } from './dice.ts'

export type SceneCaption = { readonly text: string; readonly states: Statement }

const numerals = ['no', 'one', 'two', 'three']

const withArticle = (words: string): string => `${/^[aeiou]/.test(words) ? 'an' : 'a'} ${words}`

const plural = (noun: string): string => (noun.endsWith('s') ? `${noun}es` : `${noun}s`)

/** "a large red circle", "two small blue squares"; the size where it is stated. */
function nounPhrase(object: SceneObject, sized: boolean): string {
  const adjectives = sized ? `${object.size} ${object.colour}` : object.colour
  if (object.count === 1) return withArticle(`${adjectives} ${object.shape}`)
  return `${numerals[object.count] ?? object.count} ${adjectives} ${plural(object.shape)}`
}

const stateOf = (
  { shape, colour, size, count, place }: SceneObject,
  sized: boolean,
  placed = false,
): Partial<SceneObject> => ({
  shape,
  colour,
  count,
  ...(sized && { size }),
  ...(placed && { place }),
})

const placePhrases: Readonly<Record<Place, readonly [string, ...string[]]>> = {
  left: ['on the left', 'on the left side'],
  right: ['on the right', 'on the right side'],
  top: ['at the top', 'near the top'],
  bottom: ['at the bottom', 'near the bottom'],
  middle: ['in the middle', 'in the centre'],
}

function backgroundPhrase({ pattern, tone }: Background, toned: boolean): string {
  if (pattern === 'gradient') return toned ? `on a ${tone} gradient` : 'on a gradient'
  return `on a ${pattern}${toned ? ` ${tone}` : ''} background`
}

const backgroundState = ({ pattern, tone }: Background, toned: boolean): Partial<Background> =>
  toned ? { pattern, tone } : { pattern }

/** The ways to say how the first of two objects stands to the second, and the second to the first. */
const relationPhrases: Readonly<
  Record<Relation, { forth: readonly [string, ...string[]]; back: readonly [string, ...string[]] }>
> = {
  'left of': { forth: ['to the left of', 'left of'], back: ['to the right of', 'right of'] },
  above: { forth: ['above', 'over'], back: ['below', 'under'] },
  beside: { forth: ['next to', 'beside'], back: ['next to', 'beside'] },
  behind: { forth: ['behind'], back: ['in front of'] },
}

function relationBetween(first: SceneObject, scene: SceneFacts, dice: Dice): Relation {
  if (scene.overlapping) return 'behind'
  if (first.place === 'top') return 'above'
  return dice.chance(0.3) ? 'beside' : 'left of'
}

/** "a large red circle above two blue squares" */
function related(scene: SceneFacts, first: SceneObject, second: SceneObject, sized: boolean, dice: Dice): SceneCaption {
  const relation = relationBetween(first, scene, dice)
  const { forth, back } = relationPhrases[relation]
  const reversed = dice.chance(0.4)
  const [subject, other] = reversed ? [second, first] : [first, second]
  const text = `${nounPhrase(subject, sized)} ${dice.pick(reversed ? back : forth)} ${nounPhrase(other, sized)}`
  const objects = [stateOf(first, sized), stateOf(second, sized)]
  return { text, states: { objects, relation, background: {} } }
}

/** "a red circle, two blue squares and a pink heart" */
function listed(objects: readonly SceneObject[], sized: boolean): SceneCaption {
  const phrases = objects.map((object) => nounPhrase(object, sized))
  const text = `${phrases.slice(0, -1).join(', ')} and ${phrases.at(-1) ?? ''}`
  return { text, states: { objects: objects.map((object) => stateOf(object, sized)), relation: null, background: {} } }
}

/** "a small green triangle on the left" */
function placed(object: SceneObject, sized: boolean, dice: Dice): SceneCaption {
  const text = `${nounPhrase(object, sized)} ${dice.pick(placePhrases[object.place])}`
  return { text, states: { objects: [stateOf(object, sized, true)], relation: null, background: {} } }
}

function onBackground(caption: SceneCaption, background: Background, toned: boolean): SceneCaption {
  const text = `${caption.text} ${backgroundPhrase(background, toned)}`
  return { text, states: { ...caption.states, background: backgroundState(background, toned) } }
}

/** Turns a phrase into one of the forms in which people describe pictures. */
function told({ text, states }: SceneCaption, several: boolean, dice: Dice): SceneCaption {
  const forms = [
    text,
    text,
    `there ${several ? 'are' : 'is'} ${text}`,
    `a picture of ${text}`,
    `we see ${text}`,
  ] as const
  return { text: dice.pick(forms), states }
}

/** Three captions of a scene: of all in it, of all against its background, and of less. */
export function describeScene(scene: SceneFacts, dice: Dice): readonly SceneCaption[] {
  const [first, second, third] = scene.objects
  if (first === undefined) return []
  const { background } = scene
  const several = first.count > 1
  if (second === undefined) {
    return [
      told(placed(first, true, dice), several, dice),
      told(onBackground(single(first, true), background, true), several, dice),
      told(onBackground(placed(first, false, dice), background, false), several, dice),
    ]
  }
  const all = (sized: boolean): SceneCaption =>
    third === undefined ? related(scene, first, second, sized, dice) : listed(scene.objects, sized)
  const one = dice.pick([first, second])
  const partial = scene.overlapping ? related(scene, first, second, false, dice) : placed(one, dice.chance(0.5), dice)
  const plainly = (caption: SceneCaption): SceneCaption => told(caption, startsWithSeveral(caption.text), dice)
  return [
    plainly(all(true)),
    plainly(onBackground(all(false), background, dice.chance(0.5))),
    plainly(dice.chance(0.5) ? partial : onBackground(partial, background, false)),
  ]
}

const single = (object: SceneObject, sized: boolean): SceneCaption => ({
  text: nounPhrase(object, sized),
  states: { objects: [stateOf(object, sized)], relation: null, background: {} },
})

const startsWithSeveral = (text: string): boolean => /^(two|three) /.test(text)
