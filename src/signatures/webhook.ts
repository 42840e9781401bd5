import { createHmac } from 'node:crypto';

/** A webhook message as Standard Webhooks 1.0 signs it. */
export interface WebhookMessage {
  /** The same for every attempt, so that the receiver can drop a repeat. */
  id: string;
  /** Unix time of this attempt. */
  timestampSeconds: number;
  body: string;
}

const PREFIX = 'whsec_';

/** The signing key of a secret: `whsec_` and base64 as Standard Webhooks writes it, or the bytes of any other text. */
export function webhookKey(secret: string): Buffer {
  return secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8');
}

/** The headers of a signed message: id, time, and `v1,` with the base64 HMAC-SHA-256 of `id.timestamp.body`. */
export function webhookHeaders(key: Buffer, message: WebhookMessage): Record<string, string> {
  const { id, timestampSeconds, body } = message;
  const mac = createHmac('sha256', key).update(`${id}.${timestampSeconds}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': `v1,${mac}`,
  };
}
