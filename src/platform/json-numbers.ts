/** A decimal number as its digits without zeros at either end, and the power of ten of the last one. */
function canonical(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const shown = digits.replace(/0+$/, '');
  if (shown === '') return '0';
  return `${sign}${shown}e${Number(exponent) - fraction.length + digits.length - shown.length}`;
}

/** A text or a number of a JSON document; texts are matched so that digits within them are passed over. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

/**
 * Whether every number of a valid JSON text is still the same number after it was parsed and written again: numbers of
 * JSON have any length (RFC 8259 section 6), those of JavaScript 53 bits.
 */
export function keepsNumbers(json: string): boolean {
  for (const [token] of json.matchAll(TOKEN)) {
    if (token.startsWith('"')) continue;
    const value = Number(token);
    if (!Number.isFinite(value) || canonical(token) !== canonical(String(value))) return false;
  }
  return true;
}
