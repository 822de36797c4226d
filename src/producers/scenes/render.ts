import sharp from 'sharp'
import type { Background, Colour, SceneFacts, Tone } from './facts.ts'
import { layOutScene, SCENE_SIZE, type Placed } from './layout.ts'
import type { Dice } from './dice.ts'
import { shapePaths } from './shapes.ts'

/** Light, main and outline colour of things. */
const inks: Readonly<Record<Colour, readonly [string, string, string]>> = {
  red: ['#f0505a', '#d81f33', '#8f1220'],
  orange: ['#ffa24d', '#f57c13', '#a84e05'],
  yellow: ['#ffe066', '#f9c80e', '#a88300'],
  green: ['#4fbf67', '#239a44', '#0f5e27'],
  blue: ['#4f9cf5', '#1f6fe0', '#104392'],
  pink: ['#ff9ecb', '#f568ab', '#ab3170'],
  purple: ['#b681f2', '#8b3fd6', '#4d1a87'],
}

/** Ground and figure of backgrounds. */
const papers: Readonly<Record<Tone, readonly [string, string]>> = {
  cream: ['#fdf6e3', '#e9d8ae'],
  grey: ['#e3e6ea', '#b9c0ca'],
  mint: ['#dcf5ea', '#a3dcc4'],
  dark: ['#39405a', '#1b2033'],
}

function paper({ pattern, tone }: Background, dice: Dice): string {
  const [ground, figure] = papers[tone]
  const sheet = (fill: string): string => `<rect width="${SCENE_SIZE}" height="${SCENE_SIZE}" fill="${fill}"/>`
  const turn = Math.round(dice.between(-12, 12))
  switch (pattern) {
    case 'plain':
      return sheet(ground)
    case 'gradient': {
      const stops = `<stop offset="0" stop-color="${ground}"/><stop offset="1" stop-color="${figure}"/>`
      return `<linearGradient id="paper" x1="0" y1="0" x2="0.25" y2="1">${stops}</linearGradient>${sheet('url(#paper)')}`
    }
    case 'striped': {
      const tile = `<rect width="16" height="16" fill="${ground}"/><rect width="8" height="16" fill="${figure}"/>`
      return tiled(tile, 45 + turn) + sheet('url(#paper)')
    }
    case 'dotted': {
      const tile = `<rect width="16" height="16" fill="${ground}"/><circle cx="8" cy="8" r="4" fill="${figure}"/>`
      return tiled(tile, turn) + sheet('url(#paper)')
    }
  }
}

const tiled = (tile: string, turn: number): string =>
  `<pattern id="paper" width="16" height="16" patternUnits="userSpaceOnUse" patternTransform="rotate(${turn})">${tile}</pattern>`

/** A patch of light and one of shade, so that no two scenes of the same things are alike. */
function lighting(dice: Dice): string {
  const patch = (name: string, colour: string): string => {
    const centre = `cx="${dice.next().toFixed(3)}" cy="${dice.next().toFixed(3)}" r="${dice.between(0.35, 0.7).toFixed(3)}"`
    const stop = (offset: number, opacity: number): string =>
      `<stop offset="${offset}" stop-color="${colour}" stop-opacity="${opacity}"/>`
    const gradient = `<radialGradient id="${name}" ${centre}>${stop(0, 0.16)}${stop(1, 0)}</radialGradient>`
    return `${gradient}<rect width="${SCENE_SIZE}" height="${SCENE_SIZE}" fill="url(#${name})"/>`
  }
  return patch('light', '#fff') + patch('shade', '#123')
}

function thing({ object, x, y, radius, turn }: Placed): string {
  const [, , outline] = inks[object.colour]
  const path = shapePaths[object.shape]
  const at = (dx: number, dy: number): string =>
    `transform="translate(${(x + dx).toFixed(2)} ${(y + dy).toFixed(2)}) rotate(${turn.toFixed(1)}) scale(${radius.toFixed(2)})"`
  const edge = `stroke="${outline}" stroke-width="${(2 / radius).toFixed(4)}" stroke-linejoin="round"`
  const shadow = `<path d="${path}" ${at(1.5, 2.5)} fill="#000" opacity=".16"/>`
  return `${shadow}<path d="${path}" ${at(0, 0)} fill="url(#${object.colour})" ${edge}/>`
}

function ink(colour: Colour): string {
  const [light, main] = inks[colour]
  const stops = `<stop offset="0" stop-color="${light}"/><stop offset=".7" stop-color="${main}"/>`
  return `<linearGradient id="${colour}" x1="0" y1="0" x2="0" y2="1">${stops}</linearGradient>`
}

/** The scene as an SVG document; `dice` decides what its facts leave open. */
export function drawScene(scene: SceneFacts, dice: Dice): string {
  const colours = [...new Set(scene.objects.map(({ colour }) => colour))]
  const things = layOutScene(scene, dice).map(thing).join('')
  const size = `width="${SCENE_SIZE}" height="${SCENE_SIZE}" viewBox="0 0 ${SCENE_SIZE} ${SCENE_SIZE}"`
  const drawing = colours.map(ink).join('') + paper(scene.background, dice) + lighting(dice) + things
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${drawing}</svg>`
}

/** The bytes of a PNG of `SCENE_SIZE` squared, the same for the same drawing. */
export const renderScene = (svg: string): Promise<Uint8Array> =>
  sharp(Buffer.from(svg)).flatten().png({ compressionLevel: 6 }).toBuffer()
