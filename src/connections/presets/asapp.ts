import type { Preset } from './preset.ts';

const LIMITS = [{ quota: 100, windowSeconds: 1 }];
const CONVERSATION = '/conversation/v1/conversations/{conversationId}';
const CONVERSATION_ID = /^[A-Z0-9]+$/;

/** ASAPP: conversations of GenerativeAgent without its widget. */
export const asapp: Preset = {
  title: 'ASAPP',
  sources: [
    'docs.asapp.com/getting-started/developers/rate-limits',
    'docs.asapp.com/apis/conversations/authenticate-a-user-in-a-conversation',
    'docs.asapp.com/apis/conversations/create-a-message',
    'docs.asapp.com/apis/conversations/create-or-update-a-conversation',
  ],
  variants: {
    production: { baseUrl: 'https://api.asapp.com', limits: LIMITS },
    sandbox: { baseUrl: 'https://api.sandbox.asapp.com', limits: LIMITS },
  },
  auth: { api_key: {}, client_credentials: {} },
  authAdvice:
    'two `api_key` entries, with the headers `asapp-api-id` and `asapp-api-secret`; or `client_credentials` where ASAPP gave you a token URL',
  headers: { accept: 'application/json' },
  retry: {
    tooManyMs: [1_000, 2_000, 4_000],
    serverErrorMs: [250, 500, 1_000],
    conflictMeansStored: true,
  },
  errors: { code: 'error.code', message: 'error.message', retryAfterSeconds: [] },
  paths: [
    {
      path: '/conversation/v1/conversations',
      identifier: { in: 'body', path: 'customer.externalId' },
    },
    {
      path: `${CONVERSATION}/messages`,
      segment: CONVERSATION_ID,
      identifier: { in: 'body', path: 'sender.externalId' },
      fixed: { 'sender.role': 'customer' },
    },
    {
      path: `${CONVERSATION}/authenticate`,
      segment: CONVERSATION_ID,
      identifier: { in: 'body', path: 'customerExternalId' },
      token: { in: 'body', path: 'auth.token' },
    },
  ],
  example: {
    auth: [
      { type: 'api_key', header: 'asapp-api-id', value: '${ASAPP_API_ID}' },
      { type: 'api_key', header: 'asapp-api-secret', value: '${ASAPP_API_SECRET}' },
    ],
  },
  problems: [
    [
      '401',
      'The id or the secret is wrong, or belongs to the other variant: sandbox and production have their own.',
    ],
    ['404', 'ASAPP does not know the conversation; ids are capital letters and digits.'],
    ['409', 'ASAPP has the message already. To a repeat of ours that is a success.'],
    [
      '422 at `authenticate`',
      'The customer proof was a token of an app; show a customer token or a session cookie.',
    ],
    ['429 for the rest of the day', 'The daily limit of the account is used up; ask ASAPP for a higher one.'],
  ],
  firstCall: { method: 'GET', path: '/conversation/v1/conversations' },
};
