import { BridgeError } from '../errors.ts';
import { isScope } from '../partners/scopes.ts';
import { decodeBase64Url } from '../platform/encoding.ts';
import { ed25519PublicKey } from '../signatures/v2.ts';
import { isAddressRange } from './address-list.ts';
import type { ApiKeyEnvironment, ApiKeyUse, SignaturePolicy } from './api-key.ts';

/** What may be changed of a key. */
export interface ChangeableKeySettings {
  label: string;
  /** For signing use `none` becomes `any`. */
  signature: SignaturePolicy;
  scopes: string[];
  /** IP addresses and ranges; empty: any. */
  allowedAddresses: string[];
  /** Ed25519 public keys, each 32 bytes as base64url. */
  publicKeys: string[];
  expiresAtMs: number | undefined;
}

export interface ApiKeySettings extends ChangeableKeySettings {
  partner: string;
  environment: ApiKeyEnvironment;
  use: ApiKeyUse;
}

const MAX_ADDRESSES = 200;
const MAX_PUBLIC_KEYS = 4;

const refuse = (message: string, details: Record<string, unknown>): never => {
  throw new BridgeError('INVALID_REQUEST', { message, details });
};

function isPublicKey(text: string): boolean {
  if (decodeBase64Url(text)?.length !== 32) return false;
  try {
    return ed25519PublicKey(text).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}

/** Throws `INVALID_REQUEST`, naming what is wrong. */
export function checkKeySettings(settings: ChangeableKeySettings): void {
  const scope = settings.scopes.find((name) => !isScope(name));
  if (scope !== undefined) refuse('There is no such scope.', { scope });
  const address = settings.allowedAddresses.find((text) => !isAddressRange(text));
  if (address !== undefined) {
    refuse('An allowed address is an IP address or a range such as 192.0.2.0/24.', { address });
  }
  if (settings.allowedAddresses.length > MAX_ADDRESSES) {
    refuse(`At most ${MAX_ADDRESSES} addresses and ranges are taken.`, { member: 'allowed_addresses' });
  }
  if (
    settings.publicKeys.length > MAX_PUBLIC_KEYS ||
    settings.publicKeys.some((text) => !isPublicKey(text))
  ) {
    refuse(
      `A public key is the 32 bytes of an Ed25519 key as base64url; at most ${MAX_PUBLIC_KEYS} are taken.`,
      {
        member: 'ed25519_public_keys',
      },
    );
  }
}

/** The policy that holds for a use: a key for signing always signs. */
export function policyFor(use: ApiKeyUse, signature: SignaturePolicy): SignaturePolicy {
  return use === 'signing' && signature === 'none' ? 'any' : signature;
}
