import { z } from 'zod';
import type { SiteSignOut } from '../../customers/sessions/site-sign-out.ts';
import { OAuthError } from '../../errors.ts';
import { sendEmpty, sendJson } from '../answer.ts';
import { bodyType, parseFields, readBody, readFields } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { parseWith } from '../parse.ts';
import { header } from '../raw-headers.ts';
import { contextOf } from '../request-context.ts';

export interface SiteSignOutDeps {
  siteSignOut: SiteSignOut;
  limits: LimitGuard;
}

const MAX_BODY_BYTES = 16_384;

const signOutBody = z
  .object({
    reference: z
      .union([z.string(), z.int()])
      .meta({ description: 'Your own id of the customer, as the authenticators of this space give it.' }),
  })
  .meta({ id: 'SiteSignOutRequest', examples: [{ reference: '4711' }] });

const signatureHeaders = z.object({
  'x-timestamp': z.string().meta({ description: 'Unix seconds, at most 300 from now.' }),
  'x-api-signature': z.string().meta({
    description:
      'HMAC-SHA256 of timestamp + "." + raw body in hex, keyed with the hex SHA-256 of the secret (see docs/signatures.md).',
  }),
});

/** `POST /site_sign_out`: a system of the company says that a customer has signed out. */
export function siteSignOut(deps: SiteSignOutDeps): Endpoint {
  return {
    countsFailures: true,
    contract: {
      listener: 'public',
      method: 'post',
      path: '/site_sign_out',
      operationId: 'siteSignOut',
      tag: 'Customers',
      summary: 'The company says that a customer has signed out: their chat identity ends at once',
      description:
        'Signed with a secret of `sign_out.signers`. The answer is the same for unknown customers.',
      headers: signatureHeaders,
      body: { schema: signOutBody, types: ['json'], required: true },
      responses: { 204: { description: 'Ended: sessions, refresh tokens and tokens of that customer' } },
      errors: [
        'INVALID_REQUEST',
        'INVALID_SIGNATURE',
        'TIMESTAMP_EXPIRED',
        'SIGNATURE_REPLAYED',
        'BODY_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'RATE_LIMITED',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      const body = await readBody(req, MAX_BODY_BYTES);
      const context = contextOf(res);
      const signer = await deps.siteSignOut.admit({ header: (name) => header(req, name), body });
      context.actor = signer.name;
      await deps.limits.admit(context, []);
      const { reference } = parseWith(signOutBody, parseFields(body, bodyType(req, body, ['json'])));
      await deps.siteSignOut.endNamed(signer, reference, facts(context));
      sendEmpty(res, 204);
    },
  };
}

const facts = ({ requestId, address }: { requestId: string; address: string }) => ({ requestId, address });

const logoutBody = z
  .object({ logout_token: z.string().min(1) })
  .meta({ id: 'BackChannelLogoutRequest', examples: [{ logout_token: 'eyJhbGciOi…' }] });

/** `POST /backchannel_logout`: OpenID Connect Back-Channel Logout 1.0 section 2.5. */
export function backchannelLogout(deps: SiteSignOutDeps): Endpoint {
  const read = async (fields: Promise<Record<string, unknown>>): Promise<string> => {
    const parsed = logoutBody.safeParse(await fields);
    if (!parsed.success) throw new OAuthError('invalid_request', { message: 'There is no logout_token.' });
    return parsed.data.logout_token;
  };
  return {
    countsFailures: true,
    contract: {
      listener: 'public',
      method: 'post',
      path: '/backchannel_logout',
      operationId: 'backchannelLogout',
      tag: 'Customers',
      summary: 'OpenID Connect Back-Channel Logout 1.0',
      description:
        'For identity providers that a `jwt` authenticator trusts: the customer whom the logout token names loses their chat identity at once.',
      body: { schema: logoutBody, types: ['form'], required: true },
      responses: { 200: { description: 'Ended', schema: z.strictObject({}) } },
      oauthErrors: ['invalid_request', 'temporarily_unavailable'],
    },
    handle: async (req, res) => {
      const token = await read(readFields(req, ['form'], MAX_BODY_BYTES));
      const context = contextOf(res);
      try {
        await deps.siteSignOut.endByLogoutToken(token, facts(context));
      } catch (error) {
        // The specification answers 400, which no one else counts.
        const refused = error instanceof OAuthError && error.code === 'invalid_request';
        const blocked = refused ? await deps.limits.countFailure(context) : undefined;
        throw blocked ?? error;
      }
      await deps.limits.admit(context, []);
      sendJson(res, 200, {});
    },
  };
}
