/**
 * Whether a member name stands twice in the outermost object of a JSON text. `value` is what `JSON.parse` made of the
 * text: of members with one name it keeps one, so names are compared as they decode, and `"a"` and `"\\u0061"` are the same.
 */
export function repeatsMember(json: string, value: object): boolean {
  let names = 0;
  let depth = 0;
  let expectName = false;
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case 0x22: // "
        if (expectName && depth === 1) {
          names++;
          expectName = false;
        }
        at = endOfString(json, at);
        break;
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
  return names !== Object.keys(value).length;
}

/** Where a string ends: at the first quote that no odd number of backslashes stands before. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); ; at = json.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (json.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
}
