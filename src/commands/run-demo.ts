import type { CommandContext } from './context.ts'

export type DemoCommandOptions = {
  readonly dataset?: string
  readonly backbone?: string
  readonly images?: string
  readonly images_dir?: string
  readonly query?: string
  readonly topK?: number
  readonly top_k?: number
  readonly model?: string
  readonly exit?: boolean
  readonly port?: number
  readonly data: string
  readonly seed: number
  readonly json?: boolean
}

const DEFAULT_TOP_K = 5

/** Tells the whole story, or searches a folder of pictures where one is given. */
export async function demo(options: DemoCommandOptions, context: CommandContext): Promise<number> {
  const images = options.images ?? options.images_dir
  if (images !== undefined) {
    const { query, model, backbone, data, json } = options
    const { searchFolder } = await import('./demo/search-folder.ts')
    const topK = options.topK ?? options.top_k ?? DEFAULT_TOP_K
    return searchFolder({ images, query, topK, model, backbone, demoData: data, json: json === true }, context)
  }
  const { dataset, backbone, data, port, seed, exit } = options
  const { runDemo } = await import('./demo/demo.ts')
  return runDemo({ dataset, backbone, data, port, seed, exit: exit === true }, context)
}
