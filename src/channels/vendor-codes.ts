import type { CustomerSession } from '../sessions/session.ts';
import type { Channel } from './channel.ts';

/** An authorization code that is wanted for a vendor, on behalf of a signed-in customer. */
export interface VendorCodeRequest {
  session: CustomerSession;
  /** When that session is over whatever happens, Unix milliseconds. Default: by the lifetimes of cookie sessions. */
  sessionEndsAtMs?: number | undefined;
  channel: Channel;
  /** Id of the OAuth client that the vendor is. */
  client: string;
  /** The vendor's own S256 challenge, where it makes the verifier. */
  codeChallenge?: string | undefined;
  /** Whether the answer holds a verifier of ours. */
  ownVerifier?: boolean | undefined;
  /** The vendor's own, where it brings one. */
  nonce?: string | undefined;
  requestId: string;
  address: string;
}

export interface VendorCode {
  code: string;
  redirectUri: string;
  /** Present where we made the challenge. */
  codeVerifier?: string;
  nonce?: string;
  issuer: string;
  expiresInSeconds: number;
}

/**
 * Issues an authorization code without a redirect, for the company's own vendors. The port that profiles of shape
 * `oidc_code` need; the OpenID provider of this service is behind it. Throws `BridgeError`.
 */
export type IssueVendorCode = (request: VendorCodeRequest) => Promise<VendorCode>;
