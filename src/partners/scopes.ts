/** Every scope there is, with what it allows in words. */
export const SCOPES = {
  'profile:read': 'Read the permitted profile fields of a customer who is in one of the partner’s chats.',
  'partner:call':
    'Call the partner APIs that are opened to the partner, such as to send a message, on behalf of a customer.',
  whoami: 'Ask what this service recognises about the caller’s own credentials.',
} as const;

export type Scope = keyof typeof SCOPES;

/** Scopes that a public id (`pk_…`) alone may use. */
export const PUBLISHABLE_SCOPES: ReadonlySet<string> = new Set<Scope>(['whoami']);

export function isScope(text: string): text is Scope {
  return Object.hasOwn(SCOPES, text);
}
