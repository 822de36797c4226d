import { describe, expect, it } from 'vitest'
import type { SceneFacts, SceneObject, Statement } from '../../../src/producers/scenes/facts.ts'
import { satisfies, sceneMetadata, sceneOf, statementOf } from '../../../src/producers/scenes/relevance.ts'

const red: SceneObject = { shape: 'circle', colour: 'red', size: 'large', count: 1, place: 'left' }
const blue: SceneObject = { shape: 'square', colour: 'blue', size: 'small', count: 2, place: 'right' }
const scene: SceneFacts = { objects: [red, blue], overlapping: false, background: { pattern: 'striped', tone: 'mint' } }

const states = (changes: Partial<Statement>): Statement => ({ objects: [], relation: null, background: {}, ...changes })

describe('satisfies', () => {
  it('asks for everything that is stated and nothing else', () => {
    expect(satisfies(scene, states({}))).toBe(true)
    expect(satisfies(scene, states({ objects: [{ shape: 'circle' }] }))).toBe(true)
    expect(satisfies(scene, states({ objects: [{ shape: 'circle', colour: 'blue' }] }))).toBe(false)
    expect(satisfies(scene, states({ objects: [{ colour: 'blue', count: 1 }] }))).toBe(false)
    expect(satisfies(scene, states({ background: { pattern: 'striped' } }))).toBe(true)
    expect(satisfies(scene, states({ background: { pattern: 'striped', tone: 'dark' } }))).toBe(false)
  })

  it('wants a thing of its own for each that is named', () => {
    const either = { size: 'large' } as const
    expect(satisfies(scene, states({ objects: [either, either] }))).toBe(false)
    // The first that fits must not be taken from the one that only it fits.
    expect(satisfies(scene, states({ objects: [{}, { colour: 'red' }] }))).toBe(true)
  })

  it('reads relations between the first and the second that are named', () => {
    const objects = [{ colour: 'red' }, { colour: 'blue' }] as const
    const turned = [objects[1], objects[0]]
    expect(satisfies(scene, states({ objects, relation: 'left of' }))).toBe(true)
    expect(satisfies(scene, states({ objects: turned, relation: 'left of' }))).toBe(false)
    expect(satisfies(scene, states({ objects: turned, relation: 'beside' }))).toBe(true)
    expect(satisfies(scene, states({ objects, relation: 'above' }))).toBe(false)
    expect(satisfies(scene, states({ objects, relation: 'behind' }))).toBe(false)
    const hidden: SceneFacts = { ...scene, objects: [red, { ...blue, place: 'left' }], overlapping: true }
    expect(satisfies(hidden, states({ objects, relation: 'behind' }))).toBe(true)
    expect(satisfies(hidden, states({ objects: turned, relation: 'behind' }))).toBe(false)
  })
})

describe('metadata', () => {
  it('carry scene and statement through publication', () => {
    const statement = states({ objects: [{ colour: 'red' }] })
    const metadata = sceneMetadata(scene, statement)
    expect(sceneOf(metadata)).toEqual(scene)
    expect(statementOf(metadata)).toEqual(statement)
    expect(Object.values(metadata).every((value) => value.length < 1_000)).toBe(true)
  })

  it('of other pictures are no scene', () => {
    expect(sceneOf({})).toBeNull()
    expect(sceneOf({ scene: 'a beach' })).toBeNull()
    expect(statementOf({ scene: '{}' })).toBeNull()
  })
})
