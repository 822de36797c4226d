/**
 * How a picture may be looked at: as the model's crop shows it, mirrored left to right, or one corner of that crop from nearer. Of the
 * corners two are mirrored, so that all four of a picture are those of its mirror image.
 */
export const views = [
  'plain',
  'flipped',
  'top_left',
  'top_right_flipped',
  'bottom_left_flipped',
  'bottom_right',
] as const

export type View = (typeof views)[number]

export const isMirrored = (view: View): boolean => view.endsWith('flipped')

type Corner = { readonly isRight: boolean; readonly isBottom: boolean }

/** The corner that is seen from nearer; null where the whole crop is seen. */
export function cornerOf(view: View): Corner | null {
  if (view === 'plain' || view === 'flipped') return null
  return { isRight: view.includes('right'), isBottom: view.startsWith('bottom') }
}

type Size = { readonly width: number; readonly height: number }

/** Corners are taken from the picture made larger by 5/4: each shows 4/5 of the width and of the height, and they overlap. */
const larger = (edge: number): number => Math.floor((edge * 5) / 4)

export const enlarged = ({ width, height }: Size): Size => ({ width: larger(width), height: larger(height) })
