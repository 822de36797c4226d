export type Shape = 'circle' | 'square' | 'triangle' | 'heart' | 'cross' | 'star'
export type Colour = 'red' | 'orange' | 'yellow' | 'green' | 'blue' | 'pink' | 'purple'
type Size = 'small' | 'large'
export type Place = 'left' | 'right' | 'top' | 'bottom' | 'middle'
type Pattern = 'plain' | 'striped' | 'dotted' | 'gradient'
export type Tone = 'cream' | 'grey' | 'mint' | 'dark'

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
export type Relation = 'left of' | 'above' | 'beside' | 'behind'

/** What a caption says; what it leaves out may be anything. */
export type Statement = {
  readonly objects: readonly Partial<SceneObject>[]
  readonly relation: Relation | null
  readonly background: Partial<Background>
}

/** Whether the scene holds anything that the first part of the scenes lacks: a star, something purple, something behind. */
export const isNovel = ({ objects, overlapping }: SceneFacts): boolean =>
  overlapping || objects.some(({ shape, colour }) => shape === 'star' || colour === 'purple')
