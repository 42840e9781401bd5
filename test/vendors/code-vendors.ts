/**
 * Vendors that are OpenID clients of the company (Genesys, LivePerson): they redeem the code themselves, by discovery,
 * and look at the ID token (OpenID Connect Core 3.1.3).
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto';
import { type Handed, readPublicKeyJwt, refuse, textOf, type Visitor } from './vendor.ts';

export interface VendorClient {
  /** Discovery address of the provider (OpenID Connect Discovery 4). */
  discovery: string;
  clientId: string;
  clientSecret: string;
  /** Unix seconds on the vendor's clock. */
  now: number;
}

interface Redemption {
  code: string;
  redirectUri: string;
  codeVerifier?: string | undefined;
  nonce?: string | undefined;
}

async function readJson(address: string, init?: RequestInit): Promise<Record<string, unknown>> {
  const response = await fetch(address, { redirect: 'error', ...init });
  const answer = (await response.json()) as Record<string, unknown>;
  return response.ok ? answer : refuse(JSON.stringify(answer['error'] ?? response.status), response.status);
}

async function redeem(
  client: VendorClient,
  { code, redirectUri, codeVerifier, nonce }: Redemption,
): Promise<Visitor> {
  const { issuer, token_endpoint: tokenEndpoint, jwks_uri: keys } = await readJson(client.discovery);
  const form = new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: redirectUri });
  if (codeVerifier !== undefined) form.set('code_verifier', codeVerifier);
  const basic = [client.clientId, client.clientSecret].map(encodeURIComponent).join(':');
  const answer = await readJson(String(tokenEndpoint), {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(basic).toString('base64')}` },
    body: form,
  });
  const idToken = textOf(answer['id_token'], 'id_token');
  const { keys: published } = (await readJson(String(keys))) as { keys: JsonWebKey[] };
  const { kid } = JSON.parse(Buffer.from(idToken.split('.')[0] ?? '', 'base64url').toString()) as {
    kid?: string;
  };
  const jwk = published.find((key) => key['kid'] === kid) ?? refuse('unknown key');
  const { claims } = readPublicKeyJwt(idToken, createPublicKey({ key: jwk, format: 'jwk' }), {
    now: client.now,
    leewaySeconds: 0,
  });
  if (claims['iss'] !== issuer || claims['aud'] !== client.clientId)
    refuse('the ID token is for somebody else');
  if (nonce !== undefined && claims['nonce'] !== nonce) refuse('nonce');
  const { iss, sub, aud, exp, iat, nonce: own, at_hash, auth_time, sid, jti, ...told } = claims;
  void [iss, aud, exp, iat, own, at_hash, auth_time, sid, jti];
  return { customer: textOf(sub, 'sub'), told };
}

/** Genesys Cloud: `getAuthCode` resolves with these members. */
export function admitAtGenesys({ web }: Handed, client: VendorClient): Promise<Visitor> {
  const { authCode, redirectUri, codeVerifier, nonce } = web as Record<string, string | undefined>;
  return redeem(client, {
    code: textOf(authCode, 'authCode'),
    redirectUri: textOf(redirectUri, 'redirectUri'),
    codeVerifier,
    nonce,
  });
}

/** LivePerson: the token function hands over the code, the identity function says who it must be. */
export async function admitAtLivePerson(
  { web }: Handed,
  client: VendorClient,
  codeVerifier?: string,
): Promise<Visitor> {
  const { ssoKey, redirect_uri: redirectUri, sub, iss, acr } = web as Record<string, string | undefined>;
  if (acr !== 'loa1' || !iss || !sub) refuse('the identity function is incomplete');
  const visitor = await redeem(client, {
    code: textOf(ssoKey, 'ssoKey'),
    redirectUri: textOf(redirectUri, 'redirect_uri'),
    codeVerifier,
  });
  return visitor.customer === sub ? visitor : refuse('the identity function says somebody else');
}
