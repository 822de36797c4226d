import type { CatalogueImage, CataloguePair } from '../catalogue/catalogue.ts'
import type { Point } from '../ports/vector-index.ts'

const sharedBy = ({ imageId, split, metadata }: CatalogueImage) => ({ imageId, split, metadata })

/** What an image point says: all live captions. */
export const imagePayload = (image: CatalogueImage): Point['payload'] => ({
  ...sharedBy(image),
  captions: image.captions.map(({ caption }) => caption),
  offset: image.newestOffset,
})

/** What a caption point says: the one. */
export const captionPayload = (
  image: CatalogueImage,
  caption: string,
  { position }: Pick<CataloguePair, 'position'>,
): Point['payload'] => ({ ...sharedBy(image), captions: [caption], offset: position.offset })
