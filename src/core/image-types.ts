const imageTypes = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const

/** The kinds of picture that are accepted. Vector, document and script formats are deliberately absent. */
export type ImageType = (typeof imageTypes)[number]

export const contentTypeOf = (type: ImageType): string => `image/${type}`

const contentTypes: ReadonlySet<string> = new Set(imageTypes.map(contentTypeOf))

/** Whether a content type, written as `contentTypeOf` writes it, is that of an accepted kind of picture. */
export const isImageContentType = (contentType: string): boolean => contentTypes.has(contentType)
