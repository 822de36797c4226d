import { join } from 'node:path'
import { openSentenceEncoder, type SentenceEncoder } from '../models/pretrained/sentence-encoder.ts'
import { openTokenStates, writeTokenStates, type TokenStatesFile } from './token-states-file.ts'

/** What gives the states of texts: a sentence encoder, or what one gave before. */
export type StatesSource = {
  /** As `SentenceEncoder` has it. */
  readonly id: string
  readonly width: number
  /** [ids, width] of each text, in order. */
  states(texts: readonly string[]): Promise<readonly { readonly states: Float32Array }[]>
  close(): Promise<void>
}

/** The states of a fixed set of texts, read once by a sentence encoder. */
export type TextStates = StatesSource & {
  readonly file: TokenStatesFile
  /** The number of a text in the file. Throws `RangeError` for one that was not read. */
  numberOf(text: string): number
  /** Its unit vector, as the encoder makes it of the ids that are kept. */
  vectorOf(text: string): Float32Array
}

type ReadingOptions = {
  readonly encoderFolder: string
  readonly threads: number
  /** Ids of a text that are kept, from its beginning. */
  readonly maxTokens: number
  readonly onText: (written: number, of: number) => void
  readonly signal?: AbortSignal | undefined
}

/** Has the encoder read these texts, unless a file in `folder` says what it read, and opens what it gave. */
export async function openTextStates(
  folder: string,
  given: Iterable<string>,
  { encoderFolder, threads, maxTokens, onText, signal }: ReadingOptions,
): Promise<TextStates> {
  const texts = [...new Set(given)].sort()
  const path = join(folder, 'token-states.f16')
  const encoder = await openSentenceEncoder(encoderFolder, { threads })
  try {
    await writeTokenStates(path, texts, encoder, { maxTokens, onText: (written) => onText(written, texts.length), signal }) // prettier-ignore
  } finally {
    await encoder.close()
  }
  return textStates(await openTokenStates(path), texts, encoder)
}

function textStates(
  file: TokenStatesFile,
  texts: readonly string[],
  { id, width, vectorOf }: Pick<SentenceEncoder, 'id' | 'width' | 'vectorOf'>,
): TextStates {
  const numbers = new Map(texts.map((text, number) => [text, number]))
  const numberOf = (text: string): number => {
    const number = numbers.get(text)
    if (number === undefined) throw new RangeError('A text was not read before its states were asked for.')
    return number
  }
  return {
    id,
    width,
    file,
    numberOf,
    vectorOf: (text) => vectorOf(file.of(numberOf(text))),
    states: async (wanted) => wanted.map((text) => ({ states: file.of(numberOf(text)) })),
    close: async () => file.close(),
  }
}
