import { z } from 'zod';
import { IDENTIFIER } from '../identifiers/identifier.ts';
import { type ErrorCode, errorCatalogue, type OAuthErrorCode, oauthErrorCatalogue } from '../errors.ts';

export const EXAMPLE_CUSTOMER_ID = 'c1ab7qk2m4xw3hd5pzt6yrlf2vnoscuige';

/** A customer identifier as channels see it. */
export const customerIdSchema = z.string().regex(IDENTIFIER).meta({
  description:
    'The opaque customer identifier: 34 lower-case letters and digits, unless it was imported from another system.',
  example: EXAMPLE_CUSTOMER_ID,
});

export const errorSchema = z
  .strictObject({
    success: z.literal(false),
    error: z.strictObject({
      code: z.enum(Object.keys(errorCatalogue) as [ErrorCode, ...ErrorCode[]]),
      message: z.string(),
      details: z.record(z.string(), z.unknown()).optional(),
      retry_after: z.int().min(0).optional().meta({ description: 'Whole seconds; the same as Retry-After.' }),
      request_id: z.string(),
    }),
  })
  .meta({ id: 'Error', description: 'The envelope of every error that is not an OAuth one.' });

export const oauthErrorSchema = z
  .strictObject({
    error: z.enum(Object.keys(oauthErrorCatalogue) as [OAuthErrorCode, ...OAuthErrorCode[]]),
    error_description: z.string(),
  })
  .meta({ id: 'OAuthError', description: 'RFC 6749 section 5.2.' });

/** The header that a call on an ambient cookie needs. */
export const csrfHeaderSchema = z.object({
  'x-symbolon-csrf': z.literal('1').meta({ description: 'Proves that the page itself made the call.' }),
});

/** A string of digits: token answers carry their numbers as strings. */
export const digitsSchema = z.string().regex(/^\d+$/);

export const customerTokenSchema = z
  .strictObject({
    issued_at: digitsSchema.meta({
      description: 'Unix time in milliseconds, as a string.',
      example: '1570733606449',
    }),
    JWT: z.string().meta({
      description: 'The customer token.',
      example: 'eyJhbGciOiJFUzI1NiIs….eyJpc3MiOiJodHRw….MEQCIBx2…',
    }),
    expires_in: digitsSchema.meta({
      description: 'Seconds, as a string; equal to exp − iat.',
      example: '900',
    }),
    customer_id: customerIdSchema,
  })
  .meta({ id: 'CustomerToken' });

/** The answer of a sign-in or a renewal by token delivery. */
export const signInTokenSchema = customerTokenSchema
  .extend({
    refresh_token: z.string().optional().meta({
      description: 'For channels that allow one: renews the customer token, once (docs/mobile-refresh.md).',
    }),
  })
  .meta({ id: 'SignInToken' });

export const cookieSignInSchema = customerTokenSchema.omit({ JWT: true }).meta({
  id: 'CookieSignIn',
  description: 'The session is in the Set-Cookie header; no token is handed to scripts.',
});
