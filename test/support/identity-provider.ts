import { createHash, randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { type ChildServer, freePort, startChild, untilReady } from './child-server.ts';

export const APP = 'shop-app';
export const API = 'https://api.shop.test';
export const CALLBACK = 'https://shop.test/callback';

const SCRIPT = fileURLToPath(import.meta.resolve('./identity-provider-process.ts'));

/** A private signing key as an identity provider keeps it. */
export async function createProviderKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'ES256', use: 'sig' };
}

/** Calls the provider as a browser does: with the cookies that it set, following no redirect by itself. */
function createBrowser() {
  const cookies = new Map<string, string>();
  return async (url: string): Promise<string> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1));
    }
    const location = response.headers.get('location');
    if (location === null) throw new Error(`no redirect but ${response.status}: ${await response.text()}`);
    return new URL(location, url).href;
  };
}

export interface ProviderTokens {
  id_token: string;
  access_token: string;
}

export interface IdentityProvider {
  readonly issuer: string;
  /** Starts the process anew on its port; the first key signs. */
  start(keys: JWK[]): Promise<void>;
  stop(): Promise<void>;
  /** Signs somebody in by authorization code with PKCE. */
  signIn(account: string): Promise<ProviderTokens>;
}

/** node oidc-provider in a process of its own, on a free port of the loopback address. */
export async function createIdentityProvider(): Promise<IdentityProvider> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  let child: ChildServer | undefined;
  const stop = async () => {
    await child?.stop('SIGKILL');
    child = undefined;
  };
  return {
    issuer,
    stop,
    start: async (keys) => {
      await stop();
      const set = Buffer.from(JSON.stringify({ keys })).toString('base64url');
      const started = startChild(process.execPath, [SCRIPT, String(port), set]);
      child = started;
      await untilReady(started.process, async () => {
        await fetch(`${issuer}/.well-known/openid-configuration`);
      });
    },
    signIn: async (account) => {
      const verifier = randomBytes(32).toString('base64url');
      const parameters = new URLSearchParams({
        client_id: APP,
        response_type: 'code',
        redirect_uri: CALLBACK,
        scope: 'openid chat',
        resource: API,
        login_hint: account,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
      });
      const visit = createBrowser();
      let at = `${issuer}/auth?${parameters.toString()}`;
      for (let hops = 0; hops < 6 && !at.startsWith(CALLBACK); hops++) at = await visit(at);
      const code = new URL(at).searchParams.get('code');
      if (code === null) throw new Error(`no code at ${at}`);
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          client_id: APP,
          code,
          redirect_uri: CALLBACK,
          code_verifier: verifier,
          resource: API,
        }),
      });
      if (!response.ok) throw new Error(`the token endpoint answered ${response.status}`);
      return (await response.json()) as ProviderTokens;
    },
  };
}
