/** A JSON value as an object with members: neither `null` nor a list. What the members hold is not looked at. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
