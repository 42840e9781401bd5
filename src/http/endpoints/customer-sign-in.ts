import type { Request, Response } from 'express';
import { z } from 'zod';
import { REDIRECT_PROMPTS } from '../../authenticators/authenticator.ts';
import type { Channels } from '../../channels/channel.ts';
import {
  type FinishedSignIn,
  type RedirectSignIns,
  SIGN_IN_COOKIE_PREFIX,
  type SignInCookie,
} from '../../customers/sign-in/redirect-sign-in.ts';
import { callerNetwork } from '../../limits/caller-network.ts';
import { S256_CHALLENGE } from '../../platform/pkce.ts';
import { parseQuery, readFields } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { pageEndpoint } from '../pages/page-endpoint.ts';
import type { Pages } from '../pages/page.ts';
import { parseWith } from '../parse.ts';
import { header } from '../raw-headers.ts';
import { requestCookies } from '../request-cookies.ts';
import { contextOf } from '../request-context.ts';
import type { SessionCookies } from '../session-cookie.ts';
import { refuseEmbedded } from './authorize.ts';
import { channelOf } from './customer-authenticate.ts';

const PATH = '/customer_sign_in';
const MAX_ANSWER_BYTES = 16_384;

const beginQuery = z
  .object({
    channel: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'Default: the configured default channel.' }),
    return_to: z.string().min(1).max(1_000).meta({
      description:
        'Where the customer comes back to: an address on an origin of the channel, or, with code_challenge, one of its app_redirects.',
      example: 'https://shop.example.com/help',
    }),
    authenticator: z.string().min(1).max(64).optional().meta({
      description: 'Which provider, where the channel has several. Default: the first.',
    }),
    code_challenge: z
      .string()
      .regex(S256_CHALLENGE, 'a base64url SHA-256')
      .optional()
      .meta({ description: 'For apps: PKCE challenge (RFC 7636); the app gets a code instead of a cookie.' }),
    code_challenge_method: z.literal('S256').optional(),
    state: z
      .string()
      .regex(/^[\x20-\x7e]{1,512}$/, 'at most 512 characters of ASCII')
      .optional()
      .meta({ description: 'For apps: comes back unchanged.' }),
    prompt: z.enum(REDIRECT_PROMPTS).optional().meta({
      description:
        'Passed to the provider. With none a customer who is not signed in there comes back with login_required.',
    }),
    max_age: z
      .string()
      .regex(/^\d{1,8}$/, 'seconds')
      .optional()
      .meta({
        description: 'Passed to the provider: seconds since it last checked the customer’s credentials.',
      }),
  })
  .refine((query) => (query.code_challenge === undefined) === (query.code_challenge_method === undefined), {
    path: ['code_challenge_method'],
    message: 'S256, together with code_challenge',
  })
  .refine((query) => query.state === undefined || query.code_challenge !== undefined, {
    path: ['state'],
    message: 'nothing without code_challenge: a page keeps its own state in return_to',
  });

const answerMembers = z.object({
  state: z.string(),
  code: z.string().optional(),
  iss: z.string().optional(),
  error: z.string().optional(),
});

const answerPath = z.object({
  authenticator: z.string().min(1).max(64).meta({ description: 'Name of the authenticator.' }),
});

export interface CustomerSignInDeps {
  pages: Pages;
  redirectSignIns: RedirectSignIns;
  sessionCookies: SessionCookies;
  channels: Channels;
  limits: LimitGuard;
}

/** Name and value of the request's cookies of sign-ins under way, in their order. */
function signInCookies(req: Request): [name: string, value: string][] {
  return requestCookies(header(req, 'cookie')).filter(([name]) => name.startsWith(SIGN_IN_COOKIE_PREFIX));
}

const setCookie = ({ name, value, maxAgeSeconds, sameSite }: SignInCookie): string =>
  `${name}=${value}; Path=/; Secure; HttpOnly; SameSite=${sameSite}; Max-Age=${maxAgeSeconds}`;

/** Forgetting needs no particular SameSite. */
const expireCookie = (name: string): string => `${name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0`;

/** Expires what no sign-in of today leaves behind, which would only take up room; one that is set anew goes on. */
function forgetStrangeSignIns(req: Request, res: Response, next: SignInCookie | undefined): void {
  for (const name of new Set(signInCookies(req).map(([one]) => one))) {
    const isStrange = name.length > SIGN_IN_COOKIE_PREFIX.length + 1 && /^[A-Za-z0-9_-]+$/.test(name);
    if (isStrange && name !== next?.name) res.appendHeader('set-cookie', expireCookie(name));
  }
}

function createHandlers(deps: CustomerSignInDeps) {
  const { pages, redirectSignIns, sessionCookies, limits } = deps;

  /** Only a page that a person looks at may lead on, and not without end. */
  const admit = async (req: Request, res: Response): Promise<void> => {
    refuseEmbedded(req);
    const context = contextOf(res);
    await limits.admit(context, [{ kind: 'address', id: callerNetwork(context.address) }]);
  };

  const begin = async (req: Request, res: Response): Promise<void> => {
    await admit(req, res);
    const query = parseWith(beginQuery, parseQuery(req));
    const channel = channelOf(deps.channels, query.channel);
    const context = contextOf(res);
    context.channel = channel.id;
    const { requestId, address } = context;
    const { code_challenge: challenge, max_age: maxAge } = query;
    const { redirectTo, cookie, code } = await redirectSignIns.begin({
      channel,
      returnTo: query.return_to,
      authenticator: query.authenticator,
      app: challenge === undefined ? undefined : { challenge, state: query.state },
      prompt: query.prompt,
      maxAgeSeconds: maxAge === undefined ? undefined : Number(maxAge),
      cookieNames: signInCookies(req).map(([name]) => name),
      requestId,
      address,
    });
    forgetStrangeSignIns(req, res, cookie);
    if (cookie) res.appendHeader('set-cookie', setCookie(cookie));
    if (code !== undefined) context.code = code;
    pages.redirect(res, redirectTo);
  };

  const settle = async (req: Request, res: Response, finished: FinishedSignIn): Promise<void> => {
    const context = contextOf(res);
    context.channel = finished.channel;
    if (finished.customerId !== undefined) context.customerId = finished.customerId;
    if (finished.code !== undefined) context.code = finished.code;
    if (finished.session) await sessionCookies.begin(req, finished.session);
    res.appendHeader('set-cookie', expireCookie(finished.cookieName));
    pages.redirect(res, finished.redirectTo);
  };

  const finish = async (req: Request, res: Response, parameters: Record<string, string>): Promise<void> => {
    const { authenticator } = parseWith(answerPath, req.params);
    const { requestId, address } = contextOf(res);
    const cookies = signInCookies(req);
    const finished = await redirectSignIns.finish({
      authenticator,
      parameters,
      cookie: (wanted) => {
        const values = cookies.filter(([name]) => name === wanted);
        // Two cookies of one name: nobody can say which was meant.
        return values.length === 1 ? values[0]?.[1] : undefined;
      },
      requestId,
      address,
    });
    await settle(req, res, finished);
  };

  return {
    begin,
    byQuery: async (req: Request, res: Response): Promise<void> => {
      await admit(req, res);
      await finish(req, res, parseQuery(req));
    },
    byForm: async (req: Request, res: Response): Promise<void> => {
      await admit(req, res);
      const fields = await readFields(req, ['form'], MAX_ANSWER_BYTES);
      await finish(req, res, fields as Record<string, string>);
    },
  };
}

/** Sign-in by redirect: `GET /customer_sign_in`, and where the provider sends the browser back to. */
export function customerSignIn(deps: CustomerSignInDeps): Endpoint[] {
  const { pages } = deps;
  const { begin, byQuery, byForm } = createHandlers(deps);
  const answerEndpoint = (endpoint: Endpoint): Endpoint => ({
    ...endpoint,
    contract: { ...endpoint.contract, pathParameters: answerPath },
  });
  const answerAt = { pages, path: `${PATH}/callback/{authenticator}` };
  return [
    pageEndpoint({
      pages,
      method: 'get',
      path: PATH,
      operationId: 'beginCustomerSignIn',
      summary: "Send the customer to the company's identity provider to sign in",
      query: beginQuery,
      refusesHead: true,
      handle: begin,
    }),
    answerEndpoint(
      pageEndpoint({
        ...answerAt,
        method: 'get',
        operationId: 'finishCustomerSignIn',
        summary: 'Where the identity provider sends the customer back to',
        query: answerMembers,
        refusesHead: true,
        handle: byQuery,
      }),
    ),
    answerEndpoint(
      pageEndpoint({
        ...answerAt,
        method: 'post',
        operationId: 'finishCustomerSignInByForm',
        summary: 'The same for providers that answer by form_post',
        form: answerMembers,
        handle: byForm,
      }),
    ),
  ];
}
