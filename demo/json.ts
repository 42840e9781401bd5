/** A JSON object whose members are unknown until checked. */
export type JsonObject = Record<string, unknown>;

const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `value` if it is an object, else an empty one. */
export const objectOrEmpty = (value: unknown): JsonObject => (isJsonObject(value) ? value : {});

/** The object that `text` holds as JSON; an empty one when it holds anything else. */
export function parseJsonObject(text: string): JsonObject {
  try {
    return objectOrEmpty(JSON.parse(text));
  } catch {
    return {};
  }
}
