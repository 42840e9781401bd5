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
          const name = JSON.parse(json.slice(at, end + 1)) as string;
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

function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (json.charCodeAt(at) !== 0x22) at += json.charCodeAt(at) === 0x5c ? 2 : 1;
  return at;
}
