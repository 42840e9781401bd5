import { randomBytes } from 'node:crypto';
import type { SignedRequest } from '../../src/signatures/signed-request.ts';
import { signingKeyOf } from '../../src/signatures/signed-request.ts';
import { signV1 } from '../../src/signatures/v1.ts';
import { signV2, type V2SigningKey } from '../../src/signatures/v2.ts';
import { PUBLIC_URL, type TestKey, type TestService } from '../support/service.ts';

export const seconds = (t: TestService) => Math.floor(t.clock.nowMs() / 1000);

/** The headers of a request signed with v1, the key header among them. */
export function v1Headers(
  t: TestService,
  key: Pick<TestKey, 'publicId' | 'secret'>,
  body: string | Buffer = '',
  timestampSeconds = seconds(t),
): Record<string, string> {
  return {
    'x-api-key': key.publicId,
    ...signV1({ signingKey: signingKeyOf(key.secret), timestampSeconds, body: Buffer.from(body) }),
  };
}

export interface V2Options {
  method?: string;
  path?: string;
  query?: string;
  body?: string;
  authority?: string;
  headers?: Record<string, string>;
  createdSeconds?: number;
  nonce?: string;
  key?: V2SigningKey;
  alsoCover?: string[];
}

/** The headers of a request signed with v2; it is a POST of JSON to `/getprofile` unless the options say otherwise. */
export function v2Headers(
  t: TestService,
  key: Pick<TestKey, 'publicId' | 'secret'>,
  options: V2Options = {},
): Record<string, string> {
  const { body = '', headers = body === '' ? {} : { 'content-type': 'application/json' } } = options;
  const request: SignedRequest = {
    method: options.method ?? 'POST',
    authority: options.authority ?? new URL(PUBLIC_URL).host,
    path: options.path ?? '/getprofile',
    query: options.query ?? '',
    body: Buffer.from(body),
    header: (name) => headers[name],
  };
  return {
    ...headers,
    ...signV2({
      request,
      keyId: key.publicId,
      key: options.key ?? { algorithm: 'hmac-sha256', signingKey: signingKeyOf(key.secret) },
      createdSeconds: options.createdSeconds ?? seconds(t),
      nonce: options.nonce ?? randomBytes(16).toString('base64url'),
      ...(options.alsoCover ? { alsoCover: options.alsoCover } : {}),
    }),
  };
}
