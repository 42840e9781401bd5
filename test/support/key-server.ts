import { createServer, type ServerResponse } from 'node:http';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { listen, shut } from './backend.ts';

export interface TestSigner {
  readonly kid: string;
  readonly alg: string;
  readonly publicJwk: JWK;
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
}

/** A signing key as identity providers have them. */
export async function createSigner(kid: string, alg = 'ES256'): Promise<TestSigner> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  return {
    kid,
    alg,
    publicJwk,
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'JWT', ...header }).sign(privateKey),
  };
}

export interface TestKeyServer {
  /** Also the issuer. */
  readonly url: string;
  /** What the key set holds. */
  keys: JWK[];
  /** What the discovery document names as address of the keys. Default: `/keys`. */
  keysUrl: string;
  /** What the discovery document names as issuer. Default: the address. */
  issuer: string;
  /** Paths asked for so far. */
  readonly asked: string[];
  /** Answers the key set in another way. */
  misbehave: ((response: ServerResponse) => void) | undefined;
  close(): Promise<void>;
}

/** The part of an identity provider that gives its keys away. */
export async function startKeyServer(): Promise<TestKeyServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const json = (value: unknown) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (request.url === '/.well-known/openid-configuration')
      return json({ issuer: provider.issuer, jwks_uri: provider.keysUrl });
    if (provider.misbehave) return provider.misbehave(response);
    return json({ keys: provider.keys });
  });
  const url = await listen(server);
  const provider: TestKeyServer = {
    url,
    keys: [],
    keysUrl: `${url}/keys`,
    issuer: url,
    asked,
    misbehave: undefined,
    close: () => shut(server),
  };
  return provider;
}
