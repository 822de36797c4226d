export const shapes = ['circle', 'square', 'triangle', 'heart', 'cross', 'star'] as const
export const colours = ['red', 'orange', 'yellow', 'green', 'blue', 'pink', 'purple'] as const
export const sizes = ['small', 'large'] as const
export const places = ['left', 'right', 'top', 'bottom', 'middle'] as const
export const patterns = ['plain', 'striped', 'dotted', 'gradient'] as const
export const tones = ['cream', 'grey', 'mint', 'dark'] as const

export type Shape = (typeof shapes)[number]
export type Colour = (typeof colours)[number]
export type Size = (typeof sizes)[number]
export type Place = (typeof places)[number]
export type Pattern = (typeof patterns)[number]
export type Tone = (typeof tones)[number]

/** One, two or three of the same thing. */
export type SceneObject = {
  readonly shape: Shape
  readonly colour: Colour
  readonly size: Size
  readonly count: number
  readonly place: Place
}

export type Background = { readonly pattern: Pattern; readonly tone: Tone }

/** Everything that can be said of a scene. No two objects share both shape and colour. */
export type SceneFacts = {
  readonly objects: readonly SceneObject[]
  /** Whether the first object is partly hidden by the second. */
  readonly overlapping: boolean
  readonly background: Background
}

/** How the first object named stands to the second. */
export const relations = ['left of', 'above', 'beside', 'behind'] as const
export type Relation = (typeof relations)[number]

/** What a caption says; what it leaves out may be anything. */
export type Statement = {
  readonly objects: readonly Partial<SceneObject>[]
  readonly relation: Relation | null
  readonly background: Partial<Background>
}

/** Whether the scene holds anything that the first part of the scenes lacks: a star, something purple, something behind. */
export const isNovel = ({ objects, overlapping }: SceneFacts): boolean =>
  overlapping || objects.some(({ shape, colour }) => shape === 'star' || colour === 'purple')
