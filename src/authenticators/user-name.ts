/**
 * Whether anybody can have this user name. Empty, ill-formed (half a surrogate pair) and control characters are nobody's:
 * servers cut, replace or drop such characters, and a name that is cut would be guessed at under a thousand spellings.
 */
export function isPossibleName(username: string): boolean {
  return username !== '' && username.isWellFormed() && !/\p{Cc}/u.test(username);
}
