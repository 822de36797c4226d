import { closeSync, fstatSync, openSync } from 'node:fs'
import { posix } from 'node:path'
import { AppError } from '../../core/errors.ts'
import { createProtobufReader, type ProtobufReader } from './protobuf-reader.ts'
import { isSafePath } from './safe-path.ts'

type Message = 'model' | 'graph' | 'node' | 'attribute' | 'sparse' | 'training' | 'function' | 'tensor' | 'entry'

/** The fields of ONNX's messages (`onnx.proto`) by which a tensor can be reached, wherever it hides. */
const leads: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  tensor: { 13: 'entry' },
  entry: {},
}
const ENTRY_KEY = 1
const ENTRY_VALUE = 2
const DEEPEST = 60

/**
 * The files beside an ONNX file that its tensors lie in, as paths relative to the model's folder; `path` is that of the ONNX file.
 * Throws `model-unsafe` for one outside the ONNX file's folder, `model-corrupt` where the file is no ONNX.
 */
export function externalFiles(folder: string, path: string): readonly string[] {
  const file = openSync(posix.join(folder, path), 'r')
  try {
    const { size } = fstatSync(file)
    const reader = createProtobufReader(file, size, path)
    const locations = new Set<string>()
    collect(reader, 'model', 0, size, 0, locations)
    return [...locations].map((location) => besides(path, location))
  } finally {
    closeSync(file)
  }
}

function collect(
  reader: ProtobufReader,
  message: Message,
  begin: number,
  end: number,
  depth: number,
  locations: Set<string>,
): void {
  if (depth > DEEPEST)
    throw new AppError('model-unsafe', 'An ONNX file nests graphs too deeply; do not use this model.')
  if (message === 'entry') {
    const location = locationOf(reader, begin, end)
    if (location !== null) locations.add(location)
    return
  }
  for (const field of reader.fields(begin, end)) {
    const next = field.isBytes ? leads[message][field.number] : undefined
    if (next !== undefined) collect(reader, next, field.begin, field.end, depth + 1, locations)
  }
}

/** The value of an entry whose key is `location`; of a field given twice, the last counts. */
function locationOf(reader: ProtobufReader, begin: number, end: number): string | null {
  let key = ''
  let value = ''
  for (const field of reader.fields(begin, end)) {
    if (field.isBytes && field.number === ENTRY_KEY) key = reader.text(field)
    if (field.isBytes && field.number === ENTRY_VALUE) value = reader.text(field)
  }
  return key === 'location' ? value : null
}

/** ONNX Runtime takes some locations for addresses in memory: only a plain path is let through. */
function besides(path: string, location: string): string {
  const plain = location.startsWith('./') ? location.slice(2) : location
  if (!isSafePath(plain)) {
    const where = JSON.stringify(location.slice(0, 100))
    throw new AppError('model-unsafe', `${path} keeps weights in ${where}, outside its folder; do not use this model.`)
  }
  return posix.join(posix.dirname(path), plain)
}
