/**
 * The first member name that stands twice in the outermost object of a JSON text, or `undefined`. The text must have
 * passed `JSON.parse` already; names are compared as they decode, so `"a"` and `"\u0061"` are the same.
 */
export function firstRepeatedMember(json: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let expectName = false;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case 0x22: {
        const end = endOfString(json, at);
        if (expectName && depth === 1) {
          const plain = json.slice(at + 1, end);
          const name = plain.includes('\\') ? (JSON.parse(`"${plain}"`) as string) : plain;
          if (seen.has(name)) return name;
          seen.add(name);
          expectName = false;
        }
        at = end;
        break;
      }
      case 0x7b: // {
        depth++;
        if (depth === 1) expectName = true;
        break;
      case 0x5b: // [
        depth++;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
      case 0x2c: // ,
        if (depth === 1) expectName = true;
        break;
    }
  }
  return undefined;
}

/** Where a string ends: at the first quote that no odd number of backslashes stands before. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); ; at = json.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}
