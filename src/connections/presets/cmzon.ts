import type { Preset } from './preset.ts';

const BASE_URL = 'https://api.cmzon.com';
const DAY_SECONDS = 86_400;

/** CMzon: WhatsApp messages. Its token endpoint takes JSON. */
export const cmzon: Preset = {
  title: 'CMzon',
  sources: ['cmzon.com/help/articles/api-authentication-security'],
  variants: {
    established: {
      baseUrl: BASE_URL,
      limits: [
        { quota: 80, windowSeconds: 1 },
        { quota: 10_000, windowSeconds: DAY_SECONDS },
      ],
    },
    new: {
      baseUrl: BASE_URL,
      limits: [
        { quota: 80, windowSeconds: 1 },
        { quota: 1_000, windowSeconds: DAY_SECONDS },
      ],
    },
  },
  auth: {
    bearer: {},
    authorization_code: {
      authorization_url: '{base}/oauth/authorize',
      token_url: '{base}/oauth/token',
      scope: 'whatsapp_business',
      client_authentication: 'body',
      request_format: 'json',
    },
  },
  authAdvice: 'one `bearer` entry with the API token; or `authorization_code`',
  headers: { accept: 'application/json' },
  retry: { tooManyMs: [1_000, 2_000], serverErrorMs: [500] },
  errors: {
    code: 'error.code',
    message: 'error.message',
    retryAfterSeconds: ['error.retry_after', 'error.details.retry_after', 'retry_after'],
  },
  paths: [{ path: '/v1/messages' }],
  example: { auth: [{ type: 'bearer', token: '${CMZON_API_TOKEN}' }] },
  problems: [
    ['401', 'The API token was revoked or replaced; make a new one under API Settings.'],
    [
      '429 with `retry_after`',
      'More messages than the account may send: choose the variant `new` for an account with 1,000 a day.',
    ],
  ],
  firstCall: {
    method: 'POST',
    path: '/v1/messages',
    data: '{"to":"+15550100","type":"text","text":{"body":"Hello"}}',
  },
};
