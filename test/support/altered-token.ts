/**
 * A token with another character at `at`, by default one in the middle of its signature: of the last characters some
 * stand for few bits, and another one there may be the same token, or none that can be decoded.
 */
export function altered(token: string, at = token.lastIndexOf('.') + 9): string {
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
}
