import { createExampleSetBuilder, type ExampleSet } from '../../src/training/example-set.ts'
import { readExamples, type Example } from '../../src/training/training-data.ts'

type Given = { readonly row: number; readonly words: readonly number[]; readonly captionKey?: number }

/** Examples, the captions of an image together; without a key every caption is another. */
export function exampleSet(examples: readonly Given[]): ExampleSet {
  const builder = createExampleSetBuilder()
  for (const [sentence, { row, words, captionKey }] of examples.entries()) {
    builder.add({ row, words, sentence, captionKey: captionKey ?? sentence })
  }
  return builder.build()
}

/** All examples of a job. */
export async function allExamples(jobFolder: string): Promise<readonly Example[]> {
  const examples: Example[] = []
  for await (const example of readExamples(jobFolder)) examples.push(example)
  return examples
}
