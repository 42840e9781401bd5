/**
 * The closed catalogue of what can go wrong towards a caller. It names kinds of failure, never HTTP statuses: the
 * edge (`http/error-response.ts`) owns that table. Every code has a heading in `docs/errors.md`.
 */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'request_timeout'
  | 'conflict'
  | 'too_large'
  | 'unsupported_type'
  | 'headers_too_large'
  | 'rate_limited'
  | 'internal'
  | 'bad_upstream'
  | 'unavailable'
  | 'upstream_timeout';

interface CatalogueEntry {
  kind: ErrorKind;
  /** The public sentence: says what to do, nothing internal. */
  message: string;
}

export const errorCatalogue = {
  INVALID_REQUEST: { kind: 'invalid', message: 'The request is not well-formed.' },
  UNKNOWN_CHANNEL: { kind: 'invalid', message: 'There is no channel of this name.' },
  INVALID_CREDENTIALS: { kind: 'unauthenticated', message: 'The user name or password is wrong.' },
  ACCOUNT_LOCKED: {
    kind: 'forbidden',
    message: 'This account is locked. The customer must unlock it with the company first.',
  },
  PASSWORD_CHANGE_REQUIRED: {
    kind: 'forbidden',
    message: 'The customer must choose a new password with the company before signing in.',
  },
  NOT_SIGNED_IN: { kind: 'unauthenticated', message: 'Nobody is signed in with this session.' },
  INVALID_REFRESH_TOKEN: {
    kind: 'unauthenticated',
    message: 'The refresh token is not valid, has ended or was used before. Have the customer sign in again.',
  },
  INVALID_CUSTOMER_TOKEN: {
    kind: 'unauthenticated',
    message: 'The customer proof is missing or not valid. Ask the chat channel for a new one.',
  },
  CUSTOMER_TOKEN_EXPIRED: {
    kind: 'unauthenticated',
    message: 'The customer token has expired. Ask the chat channel for a new one.',
  },
  INVALID_ACCESS_TOKEN: {
    kind: 'unauthenticated',
    message: 'The access token is missing or not valid. Get a new one from the token endpoint.',
  },
  INVALID_API_KEY: { kind: 'unauthenticated', message: 'The API key is missing or not valid.' },
  EXPIRED_API_KEY: { kind: 'unauthenticated', message: 'The API key has expired. Use its successor.' },
  INVALID_SIGNATURE: {
    kind: 'unauthenticated',
    message: 'The request signature is missing or does not match the request.',
  },
  TIMESTAMP_EXPIRED: {
    kind: 'unauthenticated',
    message:
      'The signature is right, but its time is too far from ours. Compare your clock with the Date header.',
  },
  SIGNATURE_REPLAYED: {
    kind: 'unauthenticated',
    message: 'This signature was used before. Sign every request anew.',
  },
  INVALID_ADMIN_TOKEN: { kind: 'unauthenticated', message: 'The admin token is missing or not valid.' },
  INSUFFICIENT_SCOPE: { kind: 'forbidden', message: 'The credential lacks the scope that this call needs.' },
  IP_NOT_ALLOWED: {
    kind: 'forbidden',
    message: 'This key may not be used from the address that the request came from.',
  },
  ENVIRONMENT_NOT_ALLOWED: {
    kind: 'forbidden',
    message: 'No data is held here for keys of this environment: a test key opens no live data.',
  },
  CSRF_REJECTED: {
    kind: 'forbidden',
    message: 'A call that rides on a cookie needs the header X-Symbolon-CSRF: 1.',
  },
  ORIGIN_NOT_ALLOWED: { kind: 'forbidden', message: 'This origin may not make this call.' },
  CHANNEL_NOT_ALLOWED: { kind: 'forbidden', message: 'This session cannot be used for that channel.' },
  CHANNEL_HAS_NO_PROFILE: { kind: 'not_found', message: 'This channel gives no proofs of its own.' },
  NOT_FOUND: { kind: 'not_found', message: 'There is nothing at this address.' },
  PROFILE_NOT_FOUND: { kind: 'not_found', message: 'No backend knows this customer.' },
  METHOD_NOT_ALLOWED: { kind: 'method_not_allowed', message: 'This address does not take this method.' },
  REQUEST_TIMEOUT: { kind: 'request_timeout', message: 'The request did not arrive in time.' },
  CONFLICT: { kind: 'conflict', message: 'Something of this name exists already.' },
  CHANNEL_ATTRIBUTE_MISSING: {
    kind: 'conflict',
    message: 'The company holds no value that this chat needs about the customer.',
  },
  CHANNEL_VALUE_NOT_ALLOWED: {
    kind: 'conflict',
    message: 'A value that this chat needs has the wrong type, form or length.',
  },
  BODY_TOO_LARGE: { kind: 'too_large', message: 'The request body is larger than this endpoint takes.' },
  UNSUPPORTED_MEDIA_TYPE: {
    kind: 'unsupported_type',
    message: 'The body must be of a type that this endpoint takes, in UTF-8 and not compressed.',
  },
  HEADERS_TOO_LARGE: { kind: 'headers_too_large', message: 'The request headers are too large.' },
  RATE_LIMITED: { kind: 'rate_limited', message: 'Too many requests. Wait before the next one.' },
  INTERNAL_ERROR: {
    kind: 'internal',
    message: 'Something went wrong here. Quote the request id when you ask about it.',
  },
  BACKEND_ERROR: { kind: 'bad_upstream', message: 'The profile backend gave no usable answer.' },
  CHANNEL_VENDOR_ERROR: { kind: 'bad_upstream', message: 'The chat vendor gave no usable answer.' },
  CHANNEL_VENDOR_UNAVAILABLE: {
    kind: 'unavailable',
    message: 'The chat vendor cannot be reached. Try again shortly.',
  },
  CHANNEL_ATTRIBUTES_UNAVAILABLE: {
    kind: 'unavailable',
    message: 'What this chat needs about the customer cannot be had at the moment. Try again shortly.',
  },
  BACKEND_UNAVAILABLE: { kind: 'unavailable', message: 'The profile backend cannot be reached.' },
  BACKEND_TIMEOUT: { kind: 'upstream_timeout', message: 'The profile backend did not answer in time.' },
  PARTNER_PATH_NOT_OPEN: {
    kind: 'forbidden',
    message: 'This path of the partner API is not open to callers from outside.',
  },
  PARTNER_LIMIT_REACHED: {
    kind: 'rate_limited',
    message: 'The partner API takes no more calls at the moment: its own limit is used up.',
  },
  PARTNER_API_ERROR: { kind: 'bad_upstream', message: 'The partner API gave no usable answer.' },
  PARTNER_API_UNAVAILABLE: { kind: 'unavailable', message: 'The partner API cannot be used at the moment.' },
  PARTNER_API_TIMEOUT: { kind: 'upstream_timeout', message: 'The partner API did not answer in time.' },
  AUTHENTICATOR_UNAVAILABLE: {
    kind: 'unavailable',
    message: 'Sign-in cannot be checked at the moment. Try again shortly.',
  },
  SIGN_IN_BUSY: { kind: 'unavailable', message: 'Too many sign-ins at once. Try again shortly.' },
  STORE_UNAVAILABLE: { kind: 'unavailable', message: 'A needed store cannot be reached. Try again shortly.' },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

/** The error codes of the token endpoint: RFC 6749 section 5.2 and RFC 8707 section 2. */
export const oauthErrorCatalogue = {
  invalid_request: { kind: 'invalid', message: 'The request is missing a parameter or is malformed.' },
  invalid_client: { kind: 'unauthenticated', message: 'Client authentication failed.' },
  invalid_grant: { kind: 'invalid', message: 'The grant is invalid, expired or revoked.' },
  unauthorized_client: { kind: 'invalid', message: 'This client may not use this grant type.' },
  unsupported_grant_type: { kind: 'invalid', message: 'This grant type is not supported.' },
  invalid_scope: { kind: 'invalid', message: 'The requested scope exceeds what this client has.' },
  invalid_target: {
    kind: 'invalid',
    message: 'The requested resource is not one that this server issues for.',
  },
  server_error: { kind: 'internal', message: 'Something went wrong here. Quote the request id.' },
  temporarily_unavailable: { kind: 'unavailable', message: 'The service is busy. Try again shortly.' },
} as const satisfies Record<string, CatalogueEntry>;

export type OAuthErrorCode = keyof typeof oauthErrorCatalogue;

export interface BridgeErrorOptions {
  /** Replaces the catalogue's sentence; must hold nothing that a stranger may not read. */
  message?: string;
  /** Machine-readable hints for the caller, such as the name of the wrong member. */
  details?: Record<string, unknown>;
  /** Whole seconds after which another try makes sense; becomes `Retry-After`. What is unavailable always says so. */
  retryAfterSeconds?: number;
  /** The credential was absent rather than wrong (RFC 6750 section 3.1 tells the two apart). */
  missing?: boolean;
  /** For the audit record of the refusal, and so for `symbolon why`; the caller never sees it. */
  auditDetails?: Readonly<Record<string, string>>;
  /** For the log of the operator alone; never rendered. */
  cause?: unknown;
}

/** A failure that the caller may be told about, by its code from the catalogue. */
export class BridgeError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly details: Record<string, unknown> | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly missing: boolean;
  readonly auditDetails: Readonly<Record<string, string>> | undefined;
  /** Set by whoever wrote the audit record of this refusal, so that it is written once. */
  recorded = false;

  constructor(code: ErrorCode, options: BridgeErrorOptions = {}) {
    super(options.message ?? errorCatalogue[code].message, { cause: options.cause });
    this.name = 'BridgeError';
    this.code = code;
    this.kind = errorCatalogue[code].kind;
    this.details = options.details;
    this.retryAfterSeconds = options.retryAfterSeconds ?? (this.kind === 'unavailable' ? 1 : undefined);
    this.missing = options.missing ?? false;
    this.auditDetails = options.auditDetails;
  }
}

/** A failure of an OAuth 2.0 endpoint, rendered as RFC 6749 section 5.2 says. */
export class OAuthError extends Error {
  readonly code: OAuthErrorCode;
  readonly kind: ErrorKind;
  readonly retryAfterSeconds: number | undefined;
  /** As in `BridgeError`. */
  recorded = false;

  constructor(
    code: OAuthErrorCode,
    options: { message?: string; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(options.message ?? oauthErrorCatalogue[code].message, { cause: options.cause });
    this.name = 'OAuthError';
    this.code = code;
    this.kind = oauthErrorCatalogue[code].kind;
    this.retryAfterSeconds = options.retryAfterSeconds ?? (this.kind === 'unavailable' ? 1 : undefined);
  }
}

/** The service cannot start as configured; the message names the setting and the mend, never a value. */
export class StartRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StartRefused';
  }
}
