import type { Preset } from './preset.ts';

const MINUTE_SECONDS = 60;
const perMinute = (quota: number) => ({ limits: [{ quota, windowSeconds: MINUTE_SECONDS }] });

/** Coext: WhatsApp messages by an API key, signed where the key asks for it. */
export const coext: Preset = {
  title: 'Coext',
  sources: [
    'docs.wizmessage.com/docs/api-authentication-and-security-best-practices',
    'docs.wizmessage.com/docs/api-error-codes-and-troubleshooting-guide',
    'docs.wizmessage.com/docs/complete-guide-to-external-api-integration',
  ],
  variants: { production: perMinute(60), staging: perMinute(30), development: perMinute(10) },
  auth: { api_key: { header: 'x-api-key' }, signature_v1: { key_header: 'x-api-key' } },
  authAdvice:
    'one `signature_v1` entry with the key (`key_id: pk_…`) and the secret, which never travels; or one `api_key` entry with the key alone',
  headers: { accept: 'application/json' },
  retry: { tooManyMs: [1_000, 2_000], serverErrorMs: [500] },
  errors: { code: 'error.code', message: 'error.message', retryAfterSeconds: ['error.details.retry_after'] },
  paths: [{ path: '/api/v1/external/messages/text' }],
  example: {
    base_url: '${COEXT_URL}',
    auth: [{ type: 'signature_v1', key_id: '${COEXT_API_KEY}', secret: '${COEXT_API_SECRET}' }],
  },
  problems: [
    ['`INVALID_API_KEY`', 'The key does not exist (any more), or its beginning is not `pk_live_`.'],
    [
      '`EXPIRED_API_KEY`, `REVOKED_API_KEY`, `SUSPENDED_API_KEY`',
      'The dashboard says which; make a new key.',
    ],
    [
      '`INVALID_SIGNATURE`',
      'The secret is another key’s. It is the `sk_…` that was shown once with this `pk_…`.',
    ],
    ['`TIMESTAMP_EXPIRED`', 'The clock of this machine is more than five minutes off.'],
    ['`IP_NOT_ALLOWED`', 'The key has an address list without this machine.'],
  ],
  firstCall: {
    method: 'POST',
    path: '/api/v1/external/messages/text',
    data: '{"to":"+15550100","text":"Hello"}',
  },
};
