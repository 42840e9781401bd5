/** What a refusal means to an administrator: which check refused, and what the caller should do. */
export interface RefusalReason {
  check: string;
  advice: string;
}

/** By error code; a code that is missing here is explained by the catalogue's own sentence. */
export const REFUSALS: Readonly<Record<string, RefusalReason>> = {
  INVALID_CREDENTIALS: {
    check: 'Sign-in refused: no authenticator of the channel accepted this user name with this password.',
    advice: 'The customer types them again, or asks the company for a new password.',
  },
  ACCOUNT_LOCKED: {
    check: "Sign-in refused: the company's own sign-in says that the account is locked.",
    advice: 'The customer has the account unlocked by the company.',
  },
  PASSWORD_CHANGE_REQUIRED: {
    check: "Sign-in refused: the company's own sign-in wants a new password first.",
    advice: 'The customer chooses a new password with the company.',
  },
  NOT_SIGNED_IN: {
    check: 'The session check refused: there was no session cookie, or its session is over or was ended.',
    advice: 'The page has the customer sign in again.',
  },
  INVALID_REFRESH_TOKEN: {
    check: 'The refresh check refused: the token was not ours or was used before, or its device has ended.',
    advice: 'The app forgets the token and has the customer sign in again.',
  },
  CSRF_REJECTED: {
    check: 'The check against forged requests refused: the header X-Symbolon-CSRF: 1 was missing.',
    advice: 'The page sends X-Symbolon-CSRF: 1 with every call that rides on the cookie.',
  },
  ORIGIN_NOT_ALLOWED: {
    check: 'The origin check refused: the page was loaded from an origin that the channel does not list.',
    advice: 'Add the origin to allowed_origins of the channel, if the page is yours.',
  },
  CHANNEL_ATTRIBUTE_MISSING: {
    check: 'The proof for the chat vendor was not made: the data holds no value that the vendor needs.',
    advice: 'Have the company fill the mapped profile field in for this customer, or map another one.',
  },
  CHANNEL_VALUE_NOT_ALLOWED: {
    check: 'The proof for the chat vendor was not made: a value has the wrong type, form or length.',
    advice: 'Compare the mapped profile field with the page of the channel profile.',
  },
  CHANNEL_ATTRIBUTES_UNAVAILABLE: {
    check:
      'The proof for the chat vendor was not made: a profile backend that holds a needed value did not answer.',
    advice: 'Look for backend.failed in the log at that time, or run symbolon doctor.',
  },
  CHANNEL_VENDOR_ERROR: {
    check: "The vendor's own API, which gives the proof, refused our request or gave no token.",
    advice: "Check the credentials of the channel's connection at the vendor.",
  },
  CHANNEL_VENDOR_UNAVAILABLE: {
    check: "The vendor's own API, which gives the proof, did not answer or asked us to wait.",
    advice: 'Look for channel_vendor.failed in the log at that time; the page tries again by itself.',
  },
  CHANNEL_NOT_ALLOWED: {
    check: 'The session check refused: the session is of another channel group than the channel asked for.',
    advice: 'The page asks for a channel of the group in which the customer signed in.',
  },
  INVALID_CUSTOMER_TOKEN: {
    check:
      'The customer check refused: the proof was missing, not ours, revoked, or of a channel that belongs to another partner.',
    advice: 'The caller asks the chat channel for a new customer token and sends it unchanged.',
  },
  CUSTOMER_TOKEN_EXPIRED: {
    check: 'The customer check refused: the customer token was genuine and its time was over.',
    advice: 'The caller asks the chat channel for a new customer token.',
  },
  INVALID_ACCESS_TOKEN: {
    check: 'The partner check refused: the access token was missing, not ours, expired or revoked.',
    advice: 'The caller gets a new access token from the token endpoint.',
  },
  INVALID_API_KEY: {
    check:
      'The key check refused: the API key was missing, unknown, revoked, misplaced or of another partner.',
    advice: 'The caller sends the current key in one header: pk_… as api-key, sk_… as Authorization: Bearer.',
  },
  EXPIRED_API_KEY: {
    check: 'The key check refused: the caller holds the key, and it or its replaced secret has expired.',
    advice: 'The caller changes to the successor.',
  },
  IP_NOT_ALLOWED: {
    check: 'The address check refused: the key may not be used from this address.',
    advice: 'Add the address to the allowed addresses of the key, if the caller is meant to use it.',
  },
  INVALID_SIGNATURE: {
    check: 'The signature check refused: a needed signature was missing, malformed, or made for other bytes.',
    advice: 'The caller compares its string to sign: symbolon explain-signature shows ours.',
  },
  TIMESTAMP_EXPIRED: {
    check: 'The signature was right, and its time too far from ours.',
    advice: 'The caller sets its clock, and signs at the moment of sending, in seconds.',
  },
  SIGNATURE_REPLAYED: {
    check: 'The signature was right, and has been used before.',
    advice: 'The caller signs each request anew, also a repeated one.',
  },
  INSUFFICIENT_SCOPE: {
    check: 'The scope check refused: the credentials together do not allow this call.',
    advice: 'The caller asks for a token with the scope, or you give it to the client or key.',
  },
  RATE_LIMITED: {
    check: 'A limit refused: too many requests, or too many failed tries.',
    advice: 'The caller waits for Retry-After. If it is honest load, give it a wider limits tier.',
  },
  INVALID_ADMIN_TOKEN: {
    check: 'The admin check refused: the admin token was missing or wrong.',
    advice: 'Use the token in admin.token, ADMIN_TOKEN or the file admin-token of the data directory.',
  },
  invalid_client: {
    check:
      'Client authentication refused: the client is unknown or revoked, or its secret or assertion was wrong.',
    advice: 'The caller checks client id and secret; a lost secret is replaced, never shown again.',
  },
  invalid_grant: {
    check:
      'The grant refused: the code, token or assertion was used up, expired, revoked or of another client.',
    advice: 'The application starts the authorization anew.',
  },
  invalid_scope: {
    check: 'The scope check refused: the client asked for more than it has.',
    advice: 'The caller asks for fewer scopes, or you give them to the client.',
  },
  unauthorized_client: {
    check: 'The client is known, and may not use this grant type.',
    advice: 'Add the grant type to the client, if that is meant.',
  },
};
