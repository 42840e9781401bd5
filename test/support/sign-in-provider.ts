import { fileURLToPath } from 'node:url';
import type { JWK } from 'jose';
import { type ChildServer, freePort, startChild, untilReady } from './child-server.ts';
import { createProviderKey } from './identity-provider.ts';

const SCRIPT = fileURLToPath(import.meta.resolve('./sign-in-provider-process.ts'));

/** A client as the provider registers it. */
export type ProviderClient = {
  client_id: string;
  redirect_uris: string[];
  [name: string]: unknown;
};

export interface SignInProvider {
  readonly issuer: string;
  /** Signs ID tokens; private. */
  readonly key: JWK;
  start(clients: ProviderClient[]): Promise<void>;
  stop(): Promise<void>;
}

/** node oidc-provider with a sign-in page, in a process of its own on a free port of the loopback address. */
export async function createSignInProvider(): Promise<SignInProvider> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const key = await createProviderKey('sign-in');
  let child: ChildServer | undefined;
  const stop = async () => {
    await child?.stop('SIGKILL');
    child = undefined;
  };
  return {
    issuer,
    key,
    stop,
    start: async (clients) => {
      await stop();
      const whole = clients.map((client) => ({ id_token_signed_response_alg: 'ES256', ...client }));
      const settings = Buffer.from(JSON.stringify({ keys: [key], clients: whole })).toString('base64url');
      const started = startChild(process.execPath, [SCRIPT, String(port), settings]);
      child = started;
      await untilReady(started.process, async () => {
        await fetch(`${issuer}/.well-known/openid-configuration`);
      });
    },
  };
}

/** A page or redirect as a browser got it. */
export interface Visited {
  /** As the browser sees it. */
  url: string;
  status: number;
  location: string | undefined;
  text: string;
  headers: Headers;
}

export interface JarBrowser {
  /** One request with the cookies of that host, following nothing. */
  visit(url: string, form?: Record<string, string>): Promise<Visited>;
  /** Follows redirects and the provider's pages until an address that starts with `until`, or a page of another kind. */
  signIn(url: string, options: { account?: string; until: string; cancel?: boolean }): Promise<Visited>;
  /** Cookies by host, then name. */
  readonly cookies: Map<string, Map<string, string>>;
}

/** Hidden fields of a form_post page (OAuth 2.0 Form Post Response Mode). */
function formPost(text: string): { action: string; fields: Record<string, string> } | undefined {
  const action = /<form[^>]*action="([^"]+)"/.exec(text)?.[1];
  if (action === undefined || !text.includes('type="hidden"')) return undefined;
  const unescaped = (value: string) => value.replaceAll('&amp;', '&').replaceAll('&#39;', "'");
  const fields = [...text.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)];
  return {
    action: unescaped(action),
    fields: Object.fromEntries(fields.map(([, name, value]) => [name, unescaped(value as string)])),
  };
}

/** Calls servers as a browser does, with a jar of cookies. `hosts`: addresses that stand for others, such as a public URL. */
export function createJarBrowser(hosts: Record<string, string> = {}): JarBrowser {
  const cookies = new Map<string, Map<string, string>>();
  const keep = (host: string, line: string) => {
    const jar = cookies.get(host) ?? new Map<string, string>();
    cookies.set(host, jar);
    const [pair = ''] = line.split(';');
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) jar.delete(name);
    else jar.set(name, value);
  };
  const visit = async (url: string, form?: Record<string, string>): Promise<Visited> => {
    const { origin, host } = new URL(url);
    const jar = cookies.get(host) ?? new Map<string, string>();
    const response = await fetch(url.replace(origin, hosts[origin] ?? origin), {
      redirect: 'manual',
      method: form ? 'POST' : 'GET',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    });
    for (const line of response.headers.getSetCookie()) keep(host, line);
    const location = response.headers.get('location');
    return {
      url,
      status: response.status,
      location: location === null ? undefined : new URL(location, url).href,
      text: await response.text(),
      headers: response.headers,
    };
  };
  return {
    cookies,
    visit,
    signIn: async (url, { account = 'mira-7', until, cancel = false }) => {
      let at = await visit(url);
      for (let hops = 0; hops < 12; hops++) {
        if (at.location?.startsWith(until)) return { ...at, url: at.location };
        if (at.location !== undefined) at = await visit(at.location);
        else if (at.text.includes('Sign in at the provider')) {
          at = await visit(at.url, { account, do: cancel ? 'cancel' : 'in' });
        } else {
          const posted = formPost(at.text);
          if (!posted) return at;
          if (posted.action.startsWith(until)) return { ...at, url: posted.action };
          at = await visit(posted.action, posted.fields);
        }
      }
      throw new Error(`still on the way at ${at.url}`);
    },
  };
}
