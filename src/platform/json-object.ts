/** Whether a value, as JSON or YAML gives it, has members: neither `null` nor a list. What they hold is not looked at. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
