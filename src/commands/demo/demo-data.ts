import { AppError } from '../../core/errors.ts'
import { openSource } from '../../producers/detect.ts'
import type { Statement } from '../../producers/scenes/facts.ts'
import { satisfies, sceneOf } from '../../producers/scenes/relevance.ts'
import { scenesSource } from '../../producers/scenes/scenes-source.ts'
import { isFault, selectEntries, type Source } from '../../producers/source.ts'

export type DemoQuery = {
  readonly text: string
  /** Whether a picture with these metadata satisfies the query; null where nobody can say. */
  readonly isRelevant: (metadata: Readonly<Record<string, string>>) => boolean | null
}

/** What a demo publishes and asks: a part to learn first, and a part that is streamed after it. */
export type DemoData = {
  readonly title: string
  readonly first: Source
  readonly stream: Source
  /** The stream is published in portions of so many pairs and waits for the training that one causes; null: it never waits. */
  readonly portion: number | null
  readonly queries: readonly DemoQuery[]
  /** Whether a training is asked for by hand once the stream has ended. */
  readonly manualAtEnd: boolean
}

const sceneQueries: readonly { text: string; states: Statement }[] = [
  { text: 'a purple star', states: { objects: [{ shape: 'star', colour: 'purple' }], relation: null, background: {} } },
  {
    text: 'a star behind a circle',
    states: { objects: [{ shape: 'star' }, { shape: 'circle' }], relation: 'behind', background: {} },
  },
  {
    text: 'a large purple heart',
    states: { objects: [{ shape: 'heart', colour: 'purple', size: 'large' }], relation: null, background: {} },
  },
]

/** Generated scenes: the first part has no star, nothing purple and nothing behind anything; the stream brings them. */
export function sceneData(seed: number): DemoData {
  return {
    title: 'Generated scenes',
    first: scenesSource({ part: 'first', seed }),
    stream: scenesSource({ part: 'stream', seed }),
    portion: null,
    manualAtEnd: false,
    queries: sceneQueries.map(({ text, states }) => ({
      text,
      isRelevant(metadata) {
        const scene = sceneOf(metadata)
        return scene === null ? null : satisfies(scene, states)
      },
    })),
  }
}

const photographQueries = ['a dog running on the beach', 'two men playing football', 'a child on a swing']

/** A data set of one's own: the first two thirds of its training pictures, and everything held out, come first. */
export async function dataSetData(path: string): Promise<DemoData> {
  const source = await openSource(path)
  const names = new Set<string>()
  for await (const entry of source.entries()) {
    if (!isFault(entry) && (entry.split ?? 'train') === 'train') names.add(entry.imageName)
  }
  if (names.size === 0) throw new AppError('source-unrecognised', `${path} has no pictures to train on.`)
  const streamed = new Set([...names].slice(Math.ceil((names.size * 2) / 3)))
  return {
    title: source.describe,
    first: selectEntries(source, ({ imageName }) => !streamed.has(imageName), `${source.describe}, first part`),
    stream: selectEntries(source, ({ imageName }) => streamed.has(imageName), `${source.describe}, streamed part`),
    portion: 500,
    manualAtEnd: true,
    queries: photographQueries.map((text) => ({ text, isRelevant: () => null })),
  }
}
