import { createHash, randomBytes } from 'node:crypto';
import { PASSWORD, type TestService } from './service.ts';

export interface TestApp {
  clientId: string;
  clientSecret: string | undefined;
  redirectUri: string;
}

export interface Pkce {
  verifier: string;
  challenge: string;
}

export const CALLBACK = 'https://app.test/callback';

/** A verifier and its challenge (RFC 7636). */
export function pkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** Registers an app of a partner through the admin API; by default a third-party web app with refresh tokens. */
export async function registerApp(
  t: TestService,
  settings: Record<string, unknown> = {},
  partner = t.north.id,
): Promise<TestApp> {
  const redirectUris = (settings.redirect_uris as string[] | undefined) ?? [CALLBACK];
  const { body } = await t.admin
    .post('/admin/clients')
    .send({
      partner,
      label: 'Budget App',
      scopes: ['profile:read'],
      redirect_uris: redirectUris,
      ...settings,
    })
    .expect(201);
  const made = body as { client_id: string; client_secret?: string };
  return {
    clientId: made.client_id,
    clientSecret: made.client_secret,
    redirectUri: redirectUris[0] as string,
  };
}

/** The address of an authorization request, with what a test wants otherwise; `undefined` leaves a parameter out. */
export function authorizeAddress(
  app: TestApp,
  challenge: string,
  change: Record<string, string | undefined> = {},
): string {
  const parameters = {
    response_type: 'code',
    client_id: app.clientId,
    redirect_uri: app.redirectUri,
    state: 'a state+/&= with everything',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...change,
  };
  const kept = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return `/oauth/authorize?${new URLSearchParams(kept).toString()}`;
}

/** Value of a hidden form field on a page. */
export function formState(page: string): string {
  const found = /name="form" value="([^"]+)"/.exec(page)?.[1];
  if (found === undefined) throw new Error(`no form on the page: ${page.slice(0, 200)}`);
  return found;
}

/** A browser with a cookie jar and no JavaScript, following nothing by itself. */
export function createBrowser(t: TestService) {
  const jar = new Map<string, string>();
  const call = async (method: 'get' | 'post', path: string, fields?: Record<string, string>) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    let request = t.api[method](path);
    if (cookie !== '') request = request.set('cookie', cookie);
    const answer = fields ? await request.type('form').send(fields) : await request;
    for (const line of ([] as string[]).concat(answer.headers['set-cookie'] ?? [])) {
      const [name, ...value] = (line.split(';')[0] as string).split('=');
      if (/expires=thu, 01 jan 1970/i.test(line)) jar.delete(name as string);
      else jar.set(name as string, value.join('='));
    }
    return answer;
  };
  return {
    jar,
    get: (path: string) => call('get', path),
    post: (path: string, fields: Record<string, string>) => call('post', path, fields),
    /** Fills in the sign-in form of a page. */
    signIn: (page: { text: string }, username = 'mira', password = PASSWORD) =>
      call('post', '/oauth/sign-in', { form: formState(page.text), username, password }),
    decide: (page: { text: string }, decision: string) =>
      call('post', '/oauth/consent', { form: formState(page.text), decision }),
  };
}

export type TestBrowser = ReturnType<typeof createBrowser>;

/** Path and query of a redirect to ourselves. */
export function ownPath(location: string | undefined): string {
  if (!location?.startsWith('/')) throw new Error(`not a redirect to ourselves: ${location}`);
  return location;
}

/** Signs in where needed, agrees where needed, and returns the parameters of the redirect to the app. */
export async function authorize(
  t: TestService,
  app: TestApp,
  options: { browser?: TestBrowser; username?: string; challenge: string; change?: Record<string, string> },
): Promise<URLSearchParams> {
  const browser = options.browser ?? createBrowser(t);
  let answer = await browser.get(authorizeAddress(app, options.challenge, options.change));
  if (answer.status === 200 && answer.text.includes('name="password"')) {
    const signedIn = await browser.signIn(answer, options.username);
    answer = await browser.get(ownPath(signedIn.headers['location']));
  }
  if (answer.status === 200) answer = await browser.decide(answer, 'allow');
  const location = answer.headers['location'];
  if (answer.status !== 303 || !location?.startsWith(app.redirectUri)) {
    throw new Error(`no redirect to the app: ${answer.status} ${location} ${answer.text.slice(0, 300)}`);
  }
  return new URL(location).searchParams;
}

export interface AppTokens {
  access_token: string;
  refresh_token: string;
  scope: string;
  expires_in: number;
  token_type: string;
}

/** The request that redeems a code. */
export function redemption(app: TestApp, code: string, verifier: string): Record<string, string> {
  return {
    grant_type: 'authorization_code',
    code,
    redirect_uri: app.redirectUri,
    code_verifier: verifier,
    client_id: app.clientId,
    ...(app.clientSecret === undefined ? {} : { client_secret: app.clientSecret }),
  };
}

/** The request that uses a refresh token. */
export function renewal(app: TestApp, token: string, more: Record<string, string> = {}) {
  return {
    grant_type: 'refresh_token',
    refresh_token: token,
    client_id: app.clientId,
    ...(app.clientSecret === undefined ? {} : { client_secret: app.clientSecret }),
    ...more,
  };
}

/** The whole flow: what an app holds once a customer has agreed. */
export async function connect(
  t: TestService,
  app: TestApp,
  options: { browser?: TestBrowser; username?: string } = {},
): Promise<AppTokens> {
  const { verifier, challenge } = pkce();
  const answer = await authorize(t, app, { ...options, challenge });
  const { body } = await t.api
    .post('/oauth/token')
    .type('form')
    .send(redemption(app, answer.get('code') as string, verifier))
    .expect(200);
  return body as AppTokens;
}
