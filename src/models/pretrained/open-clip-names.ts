import { AppError } from '../../core/errors.ts'

/**
 * Where the hubs keep what open_clip names by architecture and training (open_clip/src/open_clip/pretrained.py). OpenAI's own
 * repositories have no ONNX files; the same weights as ONNX are with transformers.js.
 */
const repositories: Readonly<Record<string, string>> = {
  'ViT-B-32/openai': 'Xenova/clip-vit-base-patch32',
  'ViT-B-16/openai': 'Xenova/clip-vit-base-patch16',
  'ViT-L-14/openai': 'Xenova/clip-vit-large-patch14',
  'ViT-L-14-336/openai': 'Xenova/clip-vit-large-patch14-336',
  'ViT-B-32/laion2b_s34b_b79k': 'laion/CLIP-ViT-B-32-laion2B-s34B-b79K',
  'ViT-B-32/datacomp_xl_s13b_b90k': 'laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K',
  'ViT-B-16/laion2b_s34b_b88k': 'laion/CLIP-ViT-B-16-laion2B-s34B-b88K',
  'ViT-B-16/datacomp_xl_s13b_b90k': 'laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K',
  'ViT-L-14/laion2b_s32b_b82k': 'laion/CLIP-ViT-L-14-laion2B-s32B-b82K',
  'ViT-L-14/datacomp_xl_s13b_b90k': 'laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K',
  'ViT-H-14/laion2b_s32b_b79k': 'laion/CLIP-ViT-H-14-laion2B-s32B-b79K',
}

/** What no owner on a hub is called, but every architecture of open_clip. */
const ARCHITECTURE = /^(ViT|RN|EVA|convnext|coca|MobileCLIP|nllb|xlm-roberta|roberta)[^/]*$/i
const REPOSITORY = /^[a-z\d][\w.-]*\/[a-z\d][\w.-]*$/i

/**
 * The hub's name of a model that is named as in open_clip (`ViT-B-32/openai`, `ViT-B-32-quickgelu/openai`, `ViT-B/32` for OpenAI's,
 * `hf-hub:laion/...`); the hub's own names (`owner/name`) pass as they are. Throws `model-not-found` for anything else.
 */
export function hubRepositoryOf(name: string): string {
  const repository = name.replace(/^hf-hub:/, '')
  const [owner = '', rest = ''] = repository.split('/')
  if (REPOSITORY.test(repository) && !ARCHITECTURE.test(owner)) return repository
  // OpenAI's own way to write an architecture has a slash where open_clip has a hyphen.
  const spelt = /^\d+(@\d+px)?$/.test(rest) ? `${owner}-${rest.replace('@', '-').replace('px', '')}/openai` : repository
  const found = new Map(Object.entries(repositories)).get(spelt.replace('-quickgelu/', '/'))
  if (found !== undefined) return found
  const known = Object.keys(repositories).join(', ')
  throw new AppError('model-not-found', `"${name}" is no model of open_clip that is known here. Give owner/name, or one of ${known}.`) // prettier-ignore
}
