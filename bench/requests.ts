/** The requests that scenarios send, and the spoilt ones that every contestant must refuse. */
import { createHash, createHmac, type KeyObject, randomUUID, sign } from 'node:crypto';
import type { LoadRequest } from './load.ts';

const json = { 'content-type': 'application/json' };
const form = { 'content-type': 'application/x-www-form-urlencoded' };

export interface ProfileCredentials {
  access: string;
  key: string;
  customer: string;
}

export function profileRequest(url: string, { access, key, customer }: ProfileCredentials): LoadRequest {
  return {
    url: `${url}/getprofile`,
    method: 'POST',
    headers: {
      ...json,
      authorization: `Bearer ${access}`,
      'api-key': key,
      'customer-auth': `JWT ${customer}`,
    },
    body: '{}',
    expect: 200,
  };
}

/** The request with one header changed; refused unless told otherwise. */
export function withHeader(request: LoadRequest, name: string, value: string, expect = 401): LoadRequest {
  return { ...request, headers: { ...request.headers, [name]: value }, expect };
}

/** A token with another signature of the right length. */
export const forge = (token: string): string => `${token.slice(0, -6)}AAAAAA`;

/** A wrong customer token, access token and key. */
export function refusedProfiles(
  request: LoadRequest,
  { access, customer }: ProfileCredentials,
): LoadRequest[] {
  return [
    withHeader(request, 'customer-auth', `JWT ${forge(customer)}`),
    withHeader(request, 'customer-auth', `JWT ${access}`),
    withHeader(request, 'authorization', `Bearer ${forge(access)}`),
    withHeader(request, 'api-key', 'pk_wrong'),
  ];
}

export function tokenRequest(url: string, id: string, secret: string): LoadRequest {
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: id,
    client_secret: secret,
  });
  return { url, method: 'POST', headers: form, body: body.toString(), expect: 200 };
}

/** The secret with a letter too many. */
export const wrongSecret = (request: LoadRequest): LoadRequest => ({
  ...request,
  body: `${request.body}x`,
  expect: 401,
});

export interface V1Key {
  id: string;
  secret: string;
}

/** Makes requests of about 1 KiB, each with a body and so a signature of its own (docs/signatures.md, v1). */
export function signedRequests(url: string, { id, secret }: V1Key, customer: string): () => LoadRequest {
  const key = createHash('sha256').update(secret).digest('hex');
  const padding = 'x'.repeat(960);
  let count = 0;
  return () => {
    const body = JSON.stringify({ n: count++, run: Date.now(), padding });
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex');
    const headers = {
      ...json,
      'x-api-key': id,
      'x-timestamp': timestamp,
      'x-api-signature': signature,
      'customer-auth': `JWT ${customer}`,
    };
    return { url, method: 'POST', headers, body, expect: 200 };
  };
}

/** A changed body, and a signature that came before. */
export function refusedSigned(make: () => LoadRequest): LoadRequest[] {
  const fresh = make();
  const changed = { ...fresh, body: `${fresh.body?.slice(0, -2)}y"}`, expect: 401 };
  const first = make();
  return [changed, first, { ...first, expect: 401 }];
}

export function passwordRequest(url: string, credentials: object): LoadRequest {
  return {
    url: `${url}/customer_authenticate`,
    method: 'POST',
    headers: json,
    body: JSON.stringify(credentials),
    expect: 200,
  };
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A sign-in with a token of the company's own identity provider, about `tokenBytes` long. */
export function subjectTokenRequest(
  url: string,
  provider: { key: KeyObject; issuer: string; audience: string; kid: string },
  tokenBytes: number,
): LoadRequest {
  const iat = Math.floor(Date.now() / 1000);
  const { issuer, audience, kid } = provider;
  const claims = { iss: issuer, aud: audience, sub: 'C-1', iat, exp: iat + 600, jti: randomUUID() };
  const token = (groups: string) => {
    const input = `${part({ alg: 'ES256', typ: 'JWT', kid })}.${part({ ...claims, groups })}`;
    const signature = sign('sha256', Buffer.from(input), { key: provider.key, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  };
  const missing = Math.max(0, tokenBytes - token('').length);
  return passwordRequest(url, {
    subject_token: token('g'.repeat(Math.floor((missing * 3) / 4))),
    subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    channel: 'web',
  });
}
