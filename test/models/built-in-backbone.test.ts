import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { openBackbone } from '../../src/models/backbone.ts'
import { writeBuiltInBackbone } from '../../src/models/built-in-backbone.ts'
import { decodePixels } from '../../src/models/decode-image.ts'
import { temporaryFolder } from '../fixtures/temporary-folder.ts'
import { createLinearProbes } from './linear-probe.ts'

const colours = ['#dc2626', '#16a34a', '#2563eb', '#facc15', '#9333ea', '#f97316', '#f472b6', '#111827'] as const
const grounds = ['#ffffff', '#e5e7eb', '#fef3c7', 'url(#sky)'] as const
const shapes = ['circle', 'square', 'triangle', 'star'] as const
const sides = ['left', 'right'] as const

/** Numbers in [0, 1) that are the same every time (G. Marsaglia, "Xorshift RNGs", 2003). */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

function outline(shape: (typeof shapes)[number], x: number, y: number, radius: number): string {
  if (shape === 'circle') return `<circle cx="${x}" cy="${y}" r="${radius}"/>`
  if (shape === 'square')
    return `<rect x="${x - radius}" y="${y - radius}" width="${2 * radius}" height="${2 * radius}"/>`
  const corners = shape === 'triangle' ? [1, 1, 1] : [1, 0.42, 1, 0.42, 1, 0.42, 1, 0.42, 1, 0.42]
  const points = corners.map((length, index) => {
    const angle = (index / corners.length) * 2 * Math.PI
    return `${x + length * radius * Math.sin(angle)},${y - length * radius * Math.cos(angle)}`
  })
  return `<polygon points="${points.join(' ')}"/>`
}

type Drawing = { readonly colour: number; readonly shape: number; readonly side: number; readonly picture: Buffer }

async function draw(random: () => number): Promise<Drawing> {
  const pick = (choices: number) => Math.floor(random() * choices)
  const [colour, shape, side] = [pick(colours.length), pick(shapes.length), pick(2)]
  const radius = 18 + random() * 20
  const [x, y] = [(side === 0 ? 60 : 164) + random() * 40 - 20, 60 + random() * 104]
  const sky =
    '<linearGradient id="sky" x2="0" y2="1"><stop stop-color="#93c5fd"/><stop offset="1" stop-color="#fff"/></linearGradient>'
  const ground = `${sky}<rect width="224" height="224" fill="${grounds[pick(grounds.length)] ?? ''}"/>`
  const thing = `<g fill="${colours[colour] ?? ''}">${outline(shapes[shape] ?? 'circle', x, y, radius)}</g>`
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="224" height="224">${ground}${thing}</svg>`
  return { colour, shape, side, picture: await sharp(Buffer.from(svg)).jpeg({ quality: 90 }).toBuffer() }
}

async function openBuiltIn() {
  const folder = await temporaryFolder()
  await writeBuiltInBackbone(folder)
  return { folder, backbone: await openBackbone(folder) }
}

describe('built-in backbone', () => {
  it('lets a linear head read colour, shape and place from drawings it has not seen', async () => {
    const { backbone } = await openBuiltIn()
    const random = createRandom(20_240_229)
    const drawings: Drawing[] = []
    while (drawings.length < 400) drawings.push(...(await Promise.all(Array.from({ length: 8 }, () => draw(random)))))
    const features: Float32Array[] = []
    for (let from = 0; from < drawings.length; from += 8) {
      const batch = drawings.slice(from, from + 8)
      const pixels = await Promise.all(
        batch.map(({ picture }) => decodePixels(picture, backbone.preprocessing, ['plain'])),
      )
      features.push(...(await backbone.run(pixels.flat())))
    }
    const learned = drawings.slice(0, 280)
    const unseen = drawings.slice(280)
    const fit = createLinearProbes(features.slice(0, 280), 300)
    const accuracy = (answerOf: (drawing: Drawing) => number, labels: number): number => {
      const probe = fit(learned.map(answerOf), labels)
      const right = unseen.filter((drawing, index) => {
        const scores = probe(features[280 + index] ?? new Float32Array())
        return scores.indexOf(Math.max(...scores)) === answerOf(drawing)
      })
      return right.length / unseen.length
    }
    expect(accuracy(({ colour }) => colour, colours.length)).toBeGreaterThan(0.95)
    expect(accuracy(({ shape }) => shape, shapes.length)).toBeGreaterThan(0.85)
    expect(accuracy(({ side }) => side, sides.length)).toBeGreaterThan(0.95)
    await backbone.close()
  })

  it('says nothing that is not a number, whatever it sees', async () => {
    const { backbone } = await openBuiltIn()
    const length = 3 * 64 * 64
    const random = createRandom(7)
    const extremes = [new Float32Array(length), new Float32Array(length).fill(1), Float32Array.from({ length }, random)]
    const features = await backbone.run(extremes)
    expect(features.map(({ length: width }) => width)).toEqual([
      backbone.featureWidth,
      backbone.featureWidth,
      backbone.featureWidth,
    ])
    await backbone.close()
  })

  it('is the same file every time', async () => {
    const [first, second] = [await openBuiltIn(), await openBuiltIn()]
    const bytes = await Promise.all([first, second].map(({ folder }) => readFile(join(folder, 'onnx', 'model.onnx'))))
    expect(bytes[0]).toEqual(bytes[1])
    expect(first.backbone.id).toBe(second.backbone.id)
    await Promise.all([first.backbone.close(), second.backbone.close()])
  })
})
