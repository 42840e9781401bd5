import type { ApiKeySettings } from '../../../src/api-keys/key-settings.ts';

/** Settings of a live key of the partner `acme` that asks for nothing special, and what a test wants otherwise. */
export const plainKey = (changes: Partial<ApiKeySettings> = {}): ApiKeySettings => ({
  partner: 'acme',
  label: 'key',
  environment: 'live',
  use: 'bearer',
  signature: 'none',
  scopes: ['profile:read'],
  allowedAddresses: [],
  publicKeys: [],
  expiresAtMs: undefined,
  ...changes,
});
