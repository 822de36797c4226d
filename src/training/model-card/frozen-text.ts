import type { CardFacts } from './card-text.ts'

/** What a card says of the frozen networks that its model builds on. */
type FrozenText = {
  /** How a picture and a text become vectors. */
  readonly about: string
  /** The networks by their ids. */
  readonly networks: string
  /** Which texts it understands. */
  readonly texts: string
  /** What mirror images are to it. */
  readonly mirrors: string
  readonly licence: string
}

export const frozenText = (facts: CardFacts): FrozenText => (facts.isOnClip ? ofClip(facts) : ofNetworks(facts))

const LEARNED =
  'were learned from the pairs above. Who published these knows what may be done with them; the training adds no terms of its own.'

function ofNetworks({ training: { backbone, sentenceEncoder }, backbone: { kind, licence } }: CardFacts): FrozenText {
  const isAlone = sentenceEncoder === null
  return {
    about: `A frozen backbone turns a picture into features, a trained head turns these into its vector; the text model reads the words that \`tokenizer.json\` knows${isAlone ? '' : ', and embeddings of the frozen sentence encoder in \`sentence/\`'}.`,
    networks: `backbone \`${backbone}\`${isAlone ? '' : `, sentence encoder \`${sentenceEncoder}\``}`,
    texts: isAlone
      ? 'It knows the words of its training captions. Words outside of them are ignored, and a text without a known word has no meaningful vector. Other languages than theirs do not work.'
      : 'It was trained on the words and the language of its captions; of others it knows what the sentence encoder knows.',
    mirrors: 'Left and right are hardly told apart where mirrored views are averaged.',
    licence: [
      `The backbone${kind === null ? '' : ` (\`${kind}\`)`} is passed on as it was: its licence${licence === null ? ', which its configuration does not name,' : ` (\`${licence}\`, as its configuration says)`} holds for \`onnx/image_backbone.onnx\` and binds what is built on it. ${isAlone ? 'Check it' : 'So it is with the sentence encoder in \`sentence/\`. Check both'} before passing this folder on.`,
      `The head and the text model ${LEARNED}`,
    ].join(' '),
  }
}

function ofClip({ backbone: { licence }, training, result }: CardFacts): FrozenText {
  const isAlone = training.hyperparameters.adapterWidth === 0 || result.bestEpoch === 0
  const adapters = 'residual adapters over its embeddings, small and trained here'
  return {
    about: isAlone
      ? 'Both come from the CLIP in `clip/` as it is, zero-shot: the heads only bring its embeddings to unit length.'
      : `Both come from the CLIP in \`clip/\`, which is frozen, and go through ${adapters}.`,
    networks: `CLIP \`${training.clip ?? ''}\``,
    texts: 'It knows what the CLIP knows; texts are cut at the length that this one takes.',
    mirrors: 'Left and right are hardly told apart, as by any CLIP.',
    licence: [
      `The CLIP is passed on as it was: its licence${licence === null ? ', which its configuration does not name,' : ` (\`${licence}\`, as its configuration says)`} holds for \`clip/\` and binds what is built on it. Check it before passing this folder on.`,
      ...(isAlone ? [] : [`The adapters ${LEARNED}`]),
    ].join(' '),
  }
}
