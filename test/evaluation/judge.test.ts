import { describe, expect, it } from 'vitest'
import { AppError } from '../../src/core/errors.ts'
import { normaliseCaption } from '../../src/core/caption.ts'
import { imageBlobKey } from '../../src/core/pair-record.ts'
import { createJudge } from '../../src/evaluation/judge.ts'
import type { Encoder } from '../../src/ports/encoder.ts'
import { pairEvent, pairRecord, tombstone } from '../fixtures/pair-events.ts'
import { platform } from '../consumers/consumer-harness.ts'
import { vectorOf } from '../consumers/word-encoder.ts'

const LONG = `far${' away'.repeat(20)}`
/** Which pictures a model knows: those it does not know look to it like a text that has nothing in common with their captions. */
const knows: Record<string, (text: string) => boolean> = {
  knowing: () => true,
  guessing: () => false,
  'knowing the long': (text) => text.includes(LONG),
  'knowing the short': (text) => !text.includes(LONG),
}

/** Pictures and their captions are the same text. */
const encoderOf = (modelVersion: string): Encoder => ({
  modelVersion,
  dimension: 16,
  async encodeImages(images) {
    const texts = await Promise.all(images.map(async ({ bytes }) => new TextDecoder().decode(await bytes())))
    return texts.map((text) =>
      vectorOf(knows[modelVersion]?.(text) === true ? 'same' : 'pictures', normaliseCaption(text)),
    )
  },
  encodeTexts: async (texts) => texts.map((text) => vectorOf('same', text)),
  close: async () => undefined,
})

async function heldOut(count: number, named = (index: number): string => `picture number ${index}`) {
  const made = await platform()
  for (let index = 0; index < count; index++) {
    const record = pairRecord(named(index), named(index))
    const value = pairEvent(named(index), named(index), { split: 'validation' })
    await made.blobs.put(imageBlobKey(value.imageId), Buffer.from(named(index)))
    await made.log.append([{ ...record, value }])
  }
  await made.catalogue.caughtUp(made.log)
  const stored = async (imageId: string) => {
    const bytes = await made.blobs.get(imageBlobKey(imageId))
    if (bytes === null) throw new AppError('blob-missing', 'It is gone.')
    return bytes
  }
  const opened: string[] = []
  const judging = (bytesOf = stored) =>
    createJudge({
      catalogue: made.catalogue,
      async openEncoder(modelVersion) {
        opened.push(modelVersion)
        return encoderOf(modelVersion)
      },
      bytesOf,
      judgement: () => null,
      thresholds: {},
    })
  const eraseFirst = async () => {
    await made.log.append([tombstone(named(0), named(0))])
    await made.catalogue.caughtUp(made.log)
    await made.blobs.delete(imageBlobKey(pairEvent(named(0), null).imageId))
  }
  return { judging, stored, eraseFirst, opened }
}

describe('the judge', () => {
  it('can accept a first model on twenty pictures, and refuses one that guesses', async () => {
    const { judging } = await heldOut(20)
    expect(await judging().judgeFirst('knowing')).toMatchObject({
      accepted: true,
      sentence: expect.stringMatching(/rank of 1\.000 on 20 .* guessing gives 0\.180 /) as string,
    })
    const refused = await judging().judgeFirst('guessing')
    expect(refused.accepted).toBe(false)
    expect(refused.sentence).toContain('no better than guessing')
  })

  it('accepts a first model unjudged on fewer', async () => {
    const { judging } = await heldOut(3)
    const { accepted, sentence } = await judging().judgeFirst('guessing')
    expect([accepted, sentence]).toEqual([true, 'The first model is accepted unjudged: there are only 3 validation images.']) // prettier-ignore
  })

  it('does not promote what is better on the whole and worse where captions are long', async () => {
    const { judging } = await heldOut(90, (index) => `picture number ${index}${index % 3 === 0 ? ` ${LONG}` : ''}`)
    const { outcome, evidence } = await judging().compare('knowing the long', 'knowing the short', 'manual', 1)
    expect([outcome, evidence.cause]).toEqual(['rejected', 'guardrail-hurt'])
    const hurt = evidence.guardrails.filter(({ hurt }) => hurt).map(({ name }) => name)
    expect(hurt).toEqual(['NDCG@10, text to image, long captions'])
  })

  it('judges anew without a picture that is erased meanwhile', async () => {
    const { judging, stored, eraseFirst } = await heldOut(22)
    let erased = false
    const judge = judging(async (imageId) => {
      if (!erased) await eraseFirst()
      erased = true
      return stored(imageId)
    })
    expect((await judge.compare('guessing', 'knowing', 'manual', 1)).evidence).toMatchObject({
      validation: { images: 21 },
    })
  })

  it('leaves a judgement that is stopped, also where a picture never comes', async () => {
    const { judging, opened } = await heldOut(90)
    const stopping = new AbortController()
    let asked = 0
    const judge = judging(() => {
      asked++
      stopping.abort()
      return new Promise(() => undefined)
    })
    const { signal } = stopping
    await expect(judge.compare('guessing', 'knowing', 'manual', 1, signal)).rejects.toMatchObject({ code: 'not-ready' })
    expect(asked).toBeLessThan(90)
    expect(opened).toEqual(['guessing'])
    await expect(judge.judgeFirst('knowing', signal)).rejects.toMatchObject({ code: 'not-ready' })
  })

  it('judges on with a picture that a model cannot take, which then nobody finds', async () => {
    const { judging } = await heldOut(40)
    const judge = judging(async () => {
      throw new AppError('image-too-large', 'It is far too narrow.')
    })
    expect((await judge.judgeFirst('knowing')).accepted).toBe(false)
  })

  it('does not try for ever where a picture that is held out is missing', async () => {
    const { judging } = await heldOut(20)
    let asked = 0
    const judge = judging(async () => {
      asked++
      throw new AppError('blob-missing', 'It was lost.')
    })
    await expect(judge.judgeFirst('knowing')).rejects.toMatchObject({ code: 'blob-missing' })
    expect(asked).toBeLessThanOrEqual(5 * 20)
  })
})
