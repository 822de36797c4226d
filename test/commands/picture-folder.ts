import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'

const colours = ['red', 'green', 'blue', 'yellow', 'purple', 'orange'] as const

export type Drawn = { readonly name: string; readonly colour: string; readonly captions: readonly string[] }

/** Draws `count` JPEGs into a folder, all different: a bar on one of six colours. Writes no captions. */
export async function drawPictures(folder: string, count: number): Promise<readonly Drawn[]> {
  await mkdir(folder, { recursive: true })
  const drawn: Drawn[] = []
  for (let index = 0; index < count; index++) {
    const colour = colours[index % colours.length] ?? 'red'
    const bar = { create: { width: 8 + index, height: 16, channels: 3, background: 'white' } } as const
    const picture = sharp({ create: { width: 96, height: 96, channels: 3, background: colour } })
    const name = `picture-${String(index).padStart(3, '0')}.jpg`
    await picture
      .composite([{ input: bar, left: index % 40, top: (7 * index) % 70 }])
      .jpeg()
      .toFile(join(folder, name))
    drawn.push({
      name,
      colour,
      captions: [`a ${colour} field with a white bar`, `a white bar on ${colour}, number ${index}`],
    })
  }
  return drawn
}

/** The pictures with their captions in text files beside them. */
export async function captionedFolder(folder: string, count: number): Promise<void> {
  for (const { name, captions } of await drawPictures(folder, count)) {
    await writeFile(join(folder, name.replace('.jpg', '.txt')), `${captions.join('\n')}\n`)
  }
}
