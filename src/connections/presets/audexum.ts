import type { Preset } from './preset.ts';

/** Audexum. Its address depends on the account; which calls are opened is for the operator to name. */
export const audexum: Preset = {
  title: 'Audexum',
  sources: ['apispine.com/audexum/authentication'],
  variants: { production: { limits: [] } },
  auth: {
    bearer: {},
    client_credentials: { client_authentication: 'body' },
    authorization_code: {},
  },
  authAdvice:
    'one `bearer` entry with the API key; or `client_credentials` or `authorization_code` with your token URL',
  headers: { accept: 'application/json' },
  retry: { tooManyMs: [1_000, 2_000], serverErrorMs: [500] },
  errors: { code: 'error.code', message: 'error.message', retryAfterSeconds: [] },
  paths: [],
  maxKeyAgeDays: 90,
  example: {
    base_url: '${AUDEXUM_URL}',
    auth: [{ type: 'bearer', token: '${AUDEXUM_API_KEY}' }],
  },
  problems: [['401', 'The key is over or replaced; with `client_credentials`, the client was changed.']],
};
