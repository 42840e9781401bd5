/** Requests to a token endpoint (RFC 6749 section 3.2) in the dialects that exist: how the client shows itself, form or JSON. */
import { z } from 'zod';
import { secretSetting, urlSetting } from '../platform/settings.ts';
import type { OutboundRequest } from './outbound-types.ts';

const RESERVED_PARAMETERS = new Set([
  'grant_type',
  'client_id',
  'client_secret',
  'scope',
  'code',
  'redirect_uri',
  'code_verifier',
  'refresh_token',
]);

/** What every scheme that fetches tokens takes. */
export const tokenClientSettings = {
  /** With its query, where the endpoint wants one. */
  token_url: urlSetting,
  client_id: z.string().min(1).max(512),
  client_secret: secretSetting({ minLength: 8 }).optional(),
  /** Space-separated; left out of the request when empty. */
  scope: z.string().max(1_024).default(''),
  /**
   * Where the client's id and secret go: the Authorization header or the body; `tls`: the connection's client
   * certificate speaks for us (RFC 8705 section 2), and the id alone goes into the body.
   */
  client_authentication: z.enum(['basic', 'body', 'tls']).default('basic'),
  /** What the body is written as. */
  request_format: z.enum(['form', 'json']).default('form'),
  /** Further parameters that the token endpoint wants, such as `audience` or `resource`. */
  parameters: z
    .record(z.string().min(1), z.string())
    .default({})
    .refine((extra) => !Object.keys(extra).some((name) => RESERVED_PARAMETERS.has(name)), {
      message: 'must not repeat what the request holds anyway, such as grant_type, client_id or scope',
    }),
};

export interface TokenClient {
  client_id: string;
  client_secret?: string | undefined;
  client_authentication: 'basic' | 'body' | 'tls';
  request_format: 'form' | 'json';
  parameters: Record<string, string>;
}

/** application/x-www-form-urlencoded, as RFC 6749 section 2.3.1 wants id and secret before they go into Basic. */
function formEncode(value: string): string {
  return new URLSearchParams({ v: value }).toString().slice(2);
}

/** A request with the client's credentials; `grant` holds `grant_type` and what belongs to it. */
export function tokenRequest(
  client: TokenClient,
  path: string,
  grant: Record<string, string>,
): OutboundRequest {
  const { client_id: id, client_secret: secret } = client;
  const members: Record<string, string> = { ...grant, ...client.parameters };
  const headers: Record<string, string> = { accept: 'application/json' };
  if (client.client_authentication === 'basic' && secret !== undefined) {
    const pair = `${formEncode(id)}:${formEncode(secret)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
  } else {
    members['client_id'] = id;
    if (client.client_authentication === 'body' && secret !== undefined) members['client_secret'] = secret;
  }
  const json = client.request_format === 'json';
  headers['content-type'] = json ? 'application/json' : 'application/x-www-form-urlencoded';
  const body = json ? JSON.stringify(members) : new URLSearchParams(members).toString();
  return { method: 'POST', path, headers, body };
}
