/**
 * What is used of the library. Its own declarations import one another without extensions, which Node's module resolution does not find.
 */
declare module '@huggingface/tokenizers' {
  export class Tokenizer {
    /** The parsed `tokenizer.json` and `tokenizer_config.json`; throws a plain `Error` where it does not know a part. */
    constructor(tokenizer: object, config: object)
    encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: number[] }
    token_to_id(token: string): number | undefined
  }
}
