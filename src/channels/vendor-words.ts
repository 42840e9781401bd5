/**
 * The words that channel profiles are written in: statements with how sure we are of them, and settings with the
 * meaning and the example that the vendor's page shows.
 */
import { z } from 'zod';
import { nameSetting, secretSetting } from '../platform/settings.ts';
import type { AttributeRule, Statement } from './channel-profile.ts';

/** Read on the vendor's own page or in its SDK source. */
export const read = (text: string): Statement => ({ text, confidence: 'read' });
/** Heard from others: a forum, somebody's working code, a maintainer's remark. */
export const heard = (text: string): Statement => ({ text, confidence: 'second_hand' });
/** General knowledge, not checked against any page. */
export const unchecked = (text: string): Statement => ({ text, confidence: 'unverified' });

/** The secret that a vendor shares with the company. At least `minLength` characters, 16 by default. */
export function vendorSecret(description: string, options: { minLength?: number; hex?: boolean } = {}) {
  const secret = secretSetting({ minLength: options.minLength ?? 16 });
  const checked = options.hex
    ? secret.refine((text) => /^([0-9a-fA-F]{2})+$/.test(text), 'must be hex, two digits for each byte')
    : secret;
  return checked.meta({ secret: true, description });
}

/** A value of the vendor's console that is no secret; `example` is what the page shows. */
export function vendorText(description: string, example: string, pattern = /^[\x21-\x7e]{1,255}$/) {
  return z
    .string()
    .regex(pattern, `does not look right; it is written like ${example}`)
    .meta({ description, example });
}

/**
 * The connection over which tokens are fetched from the vendor. `connection` is what the page shows of it; `${}` stands
 * for the vendor's API token.
 */
export function vendorConnection(
  description: string,
  example: string,
  connection: { base_url: string; auth: Record<string, string>[] },
) {
  return nameSetting.meta({ description, example, connection });
}

/** The text that stands in `iss` and, the same, in the vendor's console. */
export function vendorIssuer() {
  return vendorText(
    'what stands in `iss`; the vendor is told the same text. Your `public_url` is a good choice',
    'https://identity.example.com',
  );
}

/** The customer's mail address, for vendors that take one besides the identifier. */
export const optionalEmail: AttributeRule = {
  type: 'string',
  personal: true,
  required: false,
  maxLength: 254,
  meaning: 'mail address',
};

/** The customer's mail address, for vendors that know customers by nothing else. */
export const requiredEmail: AttributeRule = {
  ...optionalEmail,
  required: true,
  meaning: 'mail address; the vendor knows the customer by it',
};

export const optionalName: AttributeRule = {
  type: 'string',
  personal: true,
  required: false,
  maxLength: 255,
  meaning: 'name that agents see',
};
