/** A primitive that cannot be confused with another of the same shape; made only by the parser that checks it. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };
