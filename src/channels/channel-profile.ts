/**
 * Channel profiles: what proof of a signed-in customer each chat vendor wants, as data. A record says what is minted
 * (by one of a few shapes), what leaves the house, how long it lives, what the widget call needs, and what its page in
 * `docs/channels/` says. Minting code knows shapes, never vendors.
 */
import type { z } from 'zod';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/**
 * Where one value of a proof comes from. A value that is missing leaves its member out, unless `required`: then
 * nothing is minted (`CHANNEL_ATTRIBUTE_MISSING`). Times are whole Unix seconds.
 */
export type ValueSource =
  | { constant: JsonValue }
  /** The customer identifier of the channel's group. */
  | { from: 'identifier' }
  /** One of the record's `attributes`, filled from the profile field that the channel's configuration names. */
  | { from: 'attribute'; name: string; required?: true }
  /** One of the record's `settings`. */
  | { from: 'setting'; name: string; required?: true }
  /** What the page sends along, one of the record's `inputs`. */
  | { from: 'input'; name: string; required?: true }
  /** The proof itself, for `web` members: token, HMAC or code. */
  | { from: 'proof' }
  /** A part of an authorization code that was issued, for `web` members of `oidc_code` records. */
  | { from: 'code'; part: 'code' | 'redirect_uri' | 'code_verifier' | 'nonce' | 'issuer' }
  /** The moment of minting, back-dated by the record's `backdateSeconds`. */
  | { from: 'issued_at' }
  | { from: 'expires_at' }
  /** The same in milliseconds, for request bodies of vendors that count so. */
  | { from: 'expires_at_ms' }
  /** 128 random bits as text, new for every token. */
  | { from: 'token_id' }
  /** Text with `{identifier}`, `{setting:name}`, `{issued_at}`, `{token_id}` replaced. */
  | { template: string }
  /** An object of further values. */
  | { object: Readonly<Record<string, ValueSource>> }
  /** The same, written as JSON text, for vendors that want text inside a claim. */
  | { jsonText: Readonly<Record<string, ValueSource>> }
  | { list: readonly ValueSource[] };

/** How the text of a shared secret becomes key bytes; getting it wrong is a common error, so every record says it. */
export type SecretEncoding = 'utf8' | 'hex' | 'base64';

export interface ProofLifetime {
  /** Unless the channel's configuration says otherwise. */
  defaultSeconds: number;
  /** The vendor's own cap, or ours where it has none. */
  maxSeconds: number;
}

interface TokenParts {
  /** Members of the protected header besides `alg`. */
  header: Readonly<Record<string, ValueSource>>;
  claims: Readonly<Record<string, ValueSource>>;
  lifetime: ProofLifetime;
  /** How far `iat` lies in the past, so that a vendor whose clock runs behind accepts it. */
  backdateSeconds: number;
  /** Of the compact token, in bytes. */
  maxTokenBytes: number;
}

export type ProofShape =
  /** Our own customer token, which the vendor holds and sends back to us or to the company's APIs. */
  | { shape: 'pass_through' }
  /** A JWT under a secret that the vendor shares with the company (setting `secret`). */
  | ({
      shape: 'shared_secret_jwt';
      algorithm: 'HS256' | 'HS384' | 'HS512';
      secretEncoding: SecretEncoding;
    } & TokenParts)
  /** A JWT under our vendor ring, whose public key the vendor fetches or is given. Minting adds `kid` to the header. */
  | ({
      shape: 'published_key_jwt';
      algorithm: 'RS256' | 'RS512';
      /** How the vendor gets the key: it fetches the key set, it fetches PEM text, or a person uploads JWK or PEM. */
      publish: 'jwks' | 'pem_url' | 'jwk_upload' | 'pem_upload';
    } & TokenParts)
  /** Hex HMAC-SHA-256 of one value under a shared secret (setting `secret`); it never expires. */
  | { shape: 'hmac'; message: ValueSource; secretEncoding: SecretEncoding }
  /** A token that our side fetches from the vendor's API over a connection (setting `connection`). */
  | {
      shape: 'fetched_token';
      request: {
        method: 'POST';
        /** Path below the connection's base URL; values are percent-encoded. */
        path: string;
        body: Readonly<Record<string, ValueSource>>;
      };
      /** Member path of the token in the answer, e.g. `token` or `data.token`. */
      tokenAt: string;
      /** Member path of the expiry in Unix milliseconds, where the answer has one. */
      expiresAtMsAt?: string;
      lifetime: ProofLifetime;
    }
  /**
   * An authorization code of our own OpenID provider, which the vendor's server redeems. `vendors`: the vendor's
   * script brings the S256 challenge, as the input `code_challenge`.
   */
  | { shape: 'oidc_code'; codeChallenge: 'ours' | 'vendors' | 'none' };

/** Something about the customer that the vendor takes besides the identifier. */
export interface AttributeRule {
  type: 'string' | 'boolean' | 'number' | 'integer';
  /** Personal data: refused unless the channel's configuration lists it under `allow_personal_data`. */
  personal: boolean;
  /** The proof cannot be made without it. */
  required: boolean;
  maxLength?: number;
  /** In a sentence, for the generated page. */
  meaning: string;
}

export interface IdentifierRule {
  /** What the vendor knows the customer by. `email` vendors cannot be served without personal data. */
  is: 'opaque' | 'email';
  /** The claim, field or parameter that holds it, as the vendor spells it. */
  field: string;
  maxLength?: number;
  /** What the vendor accepts, as a whole match. */
  pattern?: RegExp;
}

/** Read on the vendor's own page or in its SDK source; heard from others; or from general knowledge, not checked. */
export type Confidence = 'read' | 'second_hand' | 'unverified';

export interface Statement {
  text: string;
  confidence: Confidence;
}

export interface ProfileDocs {
  /** What to do in the vendor's console, in order; code spans in backticks. */
  consoleSteps: readonly Statement[];
  /** The vendor's own switch that makes it refuse unsigned visitors, and what it breaks. */
  enforcement: Statement;
  /** What the customer sees: history, name, what happens when the proof runs out. */
  customerSees: readonly Statement[];
  /** Content-Security-Policy sources by directive; empty where the vendor documents none. */
  contentSecurityPolicy: Readonly<Record<string, readonly string[]>>;
  /** Symptom, cause, mend. */
  commonErrors: readonly { symptom: string; cause: string; mend: string; confidence: Confidence }[];
  /** Which SDK calls a mobile app makes, in words. */
  mobile: readonly Statement[];
  /** Facts that no vendor page confirmed. */
  openQuestions: readonly string[];
  /** Host and path of what was read, without the scheme. */
  sources: readonly string[];
}

export interface WebIntegration {
  /** Export of the browser SDK that drives this widget; none where the page hands the proof over by itself. */
  adapter?: string;
  /** How the vendor takes a proof. */
  style: 'pull' | 'push' | 'settings';
  /** Members of the answer's `web`, in the vendor's own spelling. */
  members: Readonly<Record<string, ValueSource>>;
  /** Lines of the page that load the vendor's own widget and hand it to the SDK, `{…}` for what the reader fills in. */
  snippet: string;
  /** Where those lines stand to the vendor's own snippet. Default `after`. */
  placement?: 'before' | 'after';
  /** What signs out, in order: `bridge` is our own session. */
  logoutOrder: readonly string[];
  /** How long the vendor waits for an answer to its callback, in seconds. */
  answerWithinSeconds?: number;
}

export interface ChannelProfile {
  /** Lower-case letters, digits and dashes; what `profile:` of a channel names. */
  id: string;
  /** Raised with every change of what is minted. */
  version: number;
  vendor: string;
  product: string;
  proof: ProofShape;
  identifier: IdentifierRule;
  attributes: Readonly<Record<string, AttributeRule>>;
  /** Values that only the page knows, with the pattern that they must match as a whole. */
  inputs: Readonly<Record<string, { pattern: RegExp; required: boolean; meaning: string }>>;
  /** The channel's `settings` in the configuration; secrets carry `.meta({ secret: true })`. */
  settings: z.ZodObject;
  web: WebIntegration;
  docs: ProfileDocs;
}
