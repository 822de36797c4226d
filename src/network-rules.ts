import type { Settings } from './config.ts'
import { AppError } from './core/errors.ts'

type NetworkSettings = Pick<
  Settings,
  | 'BACKBONE_DIR'
  | 'SENTENCE_ENCODER_DIR'
  | 'TEXT_TOWER'
  | 'IMAGE_HEAD'
  | 'IMAGE_REGIONS'
  | 'IMAGE_VIEWS'
  | 'CLIP_DIR'
  | 'CLIP_PRECISION'
  | 'CLIP_ADAPTER_WIDTH'
>

/** Throws `configuration-invalid` where settings of networks do not go together, with what to set or to leave out. */
export function requireFittingNetworks(given: NetworkSettings): void {
  requireWords(given)
  requireClipAlone(given)
  requireRegions(given)
}

function requireWords({ TEXT_TOWER, SENTENCE_ENCODER_DIR }: NetworkSettings): void {
  if (TEXT_TOWER !== 'none' || SENTENCE_ENCODER_DIR !== undefined) return
  throw new AppError(
    'configuration-invalid',
    'TEXT_TOWER: without words of its own a model needs a sentence encoder; name its folder by SENTENCE_ENCODER_DIR.',
  )
}

/** A CLIP has both halves of a model; whoever names other networks or views as well expects something else of it. */
function requireClipAlone(given: NetworkSettings): void {
  const { CLIP_DIR, CLIP_PRECISION, CLIP_ADAPTER_WIDTH } = given
  const { BACKBONE_DIR, SENTENCE_ENCODER_DIR, TEXT_TOWER, IMAGE_HEAD, IMAGE_VIEWS } = given
  if (CLIP_DIR === undefined) {
    const [idle] = Object.entries({ CLIP_PRECISION, CLIP_ADAPTER_WIDTH }).filter(([, value]) => value !== undefined)
    if (idle === undefined) return
    throw new AppError(
      'configuration-invalid',
      `${idle[0]}: it is about a CLIP; name its folder by CLIP_DIR, or leave it out.`,
    )
  }
  const others = { BACKBONE_DIR, SENTENCE_ENCODER_DIR, TEXT_TOWER, IMAGE_HEAD, IMAGE_VIEWS }
  const set = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (set.length === 0) return
  throw new AppError(
    'configuration-invalid',
    `CLIP_DIR: a CLIP takes the place of all other networks, and sees pictures as they are; leave out ${set.join(' and ')}, or CLIP_DIR.`,
  )
}

/** Attention takes regions from a backbone of its own, and where they are in the picture. */
function requireRegions({ BACKBONE_DIR, IMAGE_HEAD, IMAGE_REGIONS, IMAGE_VIEWS }: NetworkSettings): void {
  const refuse = (detail: string): never => {
    throw new AppError('configuration-invalid', detail)
  }
  if (IMAGE_HEAD !== 'attention') {
    if (IMAGE_REGIONS !== undefined) refuse('IMAGE_REGIONS: only IMAGE_HEAD=attention looks at regions; leave it out.')
    return
  }
  if (BACKBONE_DIR === undefined) {
    refuse('IMAGE_HEAD: the built-in backbone shows no feature map; name the folder of one that does by BACKBONE_DIR.')
  }
  if (IMAGE_VIEWS === 'corners') {
    refuse('IMAGE_HEAD: regions of corners are other places of the picture; set IMAGE_VIEWS to plain or mirrored.')
  }
}
