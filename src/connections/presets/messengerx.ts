import type { Preset } from './preset.ts';

/** MessengerX.io. Its address depends on the account, and it publishes no limits of its own. */
export const messengerx: Preset = {
  title: 'MessengerX.io',
  sources: ['messengerx.rtfd.io', 'portal.messengerx.io'],
  variants: { production: { limits: [] } },
  auth: {
    bearer: {},
    authorization_code: { scope: 'read:messages send:messages' },
  },
  authAdvice: 'one `bearer` entry with the API key; or `authorization_code`',
  headers: { accept: 'application/json' },
  retry: { tooManyMs: [1_000, 2_000], serverErrorMs: [500] },
  errors: { code: 'error.code', message: 'error.message', retryAfterSeconds: [] },
  paths: [{ path: '/v1/messages/send', identifier: { in: 'body', path: 'users', list: true } }],
  example: {
    base_url: '${MESSENGERX_URL}',
    auth: [{ type: 'bearer', token: '${MESSENGERX_API_KEY}' }],
  },
  problems: [
    [
      '401',
      'The key was replaced in the portal, or the refresh token is dead: `symbolon connections connect NAME`.',
    ],
    ['403', 'The token lacks the scope `send:messages`; connect again with both scopes.'],
  ],
  firstCall: {
    method: 'POST',
    path: '/v1/messages/send',
    data: '{"users":["c1…"],"message":{"text":"Hello"}}',
  },
};
