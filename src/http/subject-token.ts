import { z } from 'zod';
import { SUBJECT_TOKEN_TYPES, type SubjectTokenProof } from '../authenticators/authenticator.ts';
import { MAX_SUBJECT_TOKEN_LENGTH } from '../authenticators/jwt/jwt-parse.ts';

const TYPES = Object.keys(SUBJECT_TOKEN_TYPES) as (keyof typeof SUBJECT_TOKEN_TYPES)[];

/**
 * Members that bring a token of the company's identity provider, in the words of RFC 8693 section 2.1. Who acts for
 * somebody else is not told apart here, so an actor is refused instead of overlooked.
 */
export const subjectTokenMembers = {
  subject_token: z
    .string()
    .min(1)
    .max(MAX_SUBJECT_TOKEN_LENGTH)
    .meta({ description: "A signed JWT of the company's identity provider." }),
  subject_token_type: z.enum(TYPES),
  username: z.never().optional(),
  password: z.never().optional(),
  refresh_token: z.never().optional(),
  actor_token: z.never().optional(),
  grant_type: z.literal('urn:ietf:params:oauth:grant-type:token-exchange').optional(),
};

/** The proof in a body of these members. */
export function subjectTokenProof(body: {
  subject_token: string;
  subject_token_type: keyof typeof SUBJECT_TOKEN_TYPES;
}): SubjectTokenProof {
  const tokenType = SUBJECT_TOKEN_TYPES[body.subject_token_type];
  return { kind: 'subject_token', token: body.subject_token, tokenType };
}
