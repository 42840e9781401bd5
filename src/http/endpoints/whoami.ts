import { z } from 'zod';
import { sendJson } from '../answer.ts';
import { MAX_BODY_BYTES, readBody } from '../body.ts';
import type { Endpoint } from '../endpoint.ts';
import type { LimitGuard } from '../limit-guard.ts';
import { LIMIT_HEADERS } from '../limit-headers.ts';
import type { PartnerProof, ProvePartner } from '../partner-proof.ts';
import { contextOf, type RequestContext } from '../request-context.ts';

const environmentSchema = z.enum(['live', 'test']);

const answerSchema = z
  .strictObject({
    proven: z.boolean().meta({
      description: 'False when only a public id was shown: it says who might be calling, and proves nothing.',
    }),
    partner: z.string().nullable(),
    client_id: z.string().nullable().meta({ description: 'Of the access token, when there is one.' }),
    api_key: z
      .strictObject({
        public_prefix: z.string(),
        environment: environmentSchema,
        label: z.string().nullable(),
        use: z.enum(['bearer', 'signing']).nullable(),
        signature: z.enum(['none', 'v1', 'v2', 'any']).nullable().meta({
          description: 'Which request signature this key needs.',
        }),
        expires_at: z.iso.datetime().nullable(),
      })
      .nullable(),
    scopes: z.array(z.string()).meta({ description: 'What all credentials of this request together allow.' }),
    signatures: z
      .array(z.enum(['v1', 'v2']))
      .meta({ description: 'Schemes of the signatures of this request that were right.' }),
    limits: z
      .array(
        z.strictObject({
          policy: z.string(),
          quota: z.int(),
          window_seconds: z.int(),
          remaining: z.int(),
          resets_in: z.int().meta({ description: 'Seconds until the window ends.' }),
        }),
      )
      .meta({ description: 'What is left of each limit after this request; empty: unlimited.' }),
    address: z.string().meta({ description: 'The address that we saw the request come from.' }),
  })
  .meta({
    id: 'WhoAmI',
    examples: [
      {
        proven: true,
        partner: 'chat-vendor',
        client_id: null,
        api_key: {
          public_prefix: 'pk_live_7Hq2mX',
          environment: 'live',
          label: 'production',
          use: 'signing',
          signature: 'any',
          expires_at: null,
        },
        scopes: ['profile:read', 'whoami'],
        signatures: ['v1'],
        limits: [{ policy: 'key-minute', quota: 60, window_seconds: 60, remaining: 59, resets_in: 60 }],
        address: '192.0.2.7',
      },
    ],
  });

function recognised(
  { partner, key, clientId, scopes, signed, proven }: PartnerProof,
  context: RequestContext,
) {
  return {
    proven,
    // A public id stands in web pages: whoever shows it alone learns what may be done with it, and nothing else.
    partner: proven ? partner.id : null,
    client_id: clientId ?? null,
    api_key: key
      ? {
          public_prefix: key.publicPrefix,
          environment: key.environment,
          label: proven ? key.label : null,
          use: proven ? key.use : null,
          signature: proven ? key.signature : null,
          expires_at:
            proven && key.expiresAtMs !== undefined ? new Date(key.expiresAtMs).toISOString() : null,
        }
      : null,
    scopes: [...scopes].sort(),
    signatures: [...signed],
    limits: (context.limits ?? []).map(({ name, quota, windowSeconds, remaining, resetSeconds }) => ({
      policy: name,
      quota,
      window_seconds: windowSeconds,
      remaining,
      resets_in: resetSeconds,
    })),
    address: context.address,
  };
}

/** `GET /whoami`: what we recognise of the caller's credentials, without side effects. */
export function whoami({
  provePartner,
  limits,
}: {
  provePartner: ProvePartner;
  limits: LimitGuard;
}): Endpoint {
  return {
    countsFailures: true,
    contract: {
      listener: 'public',
      method: 'get',
      path: '/whoami',
      operationId: 'whoami',
      tag: 'Partners',
      summary: 'Say what is recognised of the caller’s credentials',
      description:
        'For testing credentials: changes nothing and reads nobody. Takes an access token, the secret of a bearer-use key, a signed request, or a public id alone, with the scope whoami.',
      security: [['accessToken'], ['keySecret'], ['apiKey', 'requestSignature'], ['apiKey']],
      responses: {
        200: { description: 'What was recognised', schema: answerSchema, headers: LIMIT_HEADERS },
      },
      errors: [
        'INVALID_ACCESS_TOKEN',
        'INVALID_API_KEY',
        'EXPIRED_API_KEY',
        'INVALID_SIGNATURE',
        'TIMESTAMP_EXPIRED',
        'SIGNATURE_REPLAYED',
        'INSUFFICIENT_SCOPE',
        'IP_NOT_ALLOWED',
        'BODY_TOO_LARGE',
        'RATE_LIMITED',
        'STORE_UNAVAILABLE',
      ],
    },
    handle: async (req, res) => {
      const context = contextOf(res);
      const body = await readBody(req, MAX_BODY_BYTES);
      const proof = await provePartner({
        req,
        body,
        context,
        scope: 'whoami',
        needsKey: false,
        limits,
        repeatable: req.method === 'GET' && body.length === 0,
      });
      sendJson(res, 200, recognised(proof, context));
    },
  };
}
