/**
 * Authenticators: ways to learn who the customer is. Each answers from a closed list of outcomes; "wrong", "not
 * mine" and "could not tell" are three different answers. They never issue anything.
 */
import type { Audit } from '../audit/audit.ts';
import type { Connection } from '../connections/connection.ts';
import type { CustomerReference, ReferenceSpace } from '../identifiers/identifier.ts';
import type { HttpClient } from '../outbound/outbound-types.ts';
import type { Clock } from '../platform/clock.ts';
import type { FailureReason, ReportFailure } from '../outbound/failure-reason.ts';
import type { Logger } from '../platform/logger.ts';
import type { ReplayStore } from '../replay/replay.ts';
import type { EndedReferences } from '../sessions/ended-references.ts';
import type { DirectoryStore } from './directory/directory-types.ts';
import type { PasswordHasher } from './passwords/password-hasher.ts';

/** What the caller brought to prove who the customer is. */
export type Proof = PasswordProof | SiteSessionProof | SubjectTokenProof | RedirectAnswerProof;

export interface PasswordProof {
  kind: 'password';
  username: string;
  password: string;
}

/** What a browser sent along by itself because it is signed in at the company's own site. */
export interface SiteSessionProof {
  kind: 'site_session';
  /** Name and value of the cookies that some authenticator asks for, as sent and in their order; a name may repeat. */
  cookies: readonly (readonly [name: string, value: string])[];
  /** The same for headers: lower-case names. */
  headers: Readonly<Record<string, string>>;
}

/** A token of the company's identity provider. */
export interface SubjectTokenProof {
  kind: 'subject_token';
  token: string;
  tokenType: SubjectTokenType;
}

/** What a provider's redirect brought back: finishes what `RedirectSignIn.begin` began. */
export interface RedirectAnswerProof {
  kind: 'redirect_answer';
  /** Name of the authenticator that began it; nobody else looks at the answer. */
  authenticator: string;
  /** Parameters of the redirect as sent, each once. `state` was checked already. */
  parameters: Readonly<Record<string, string>>;
  /** What `begin` gave. */
  memory: string;
}

/** Kinds of tokens (RFC 8693 section 3); `jwt` leaves open which of the others. */
export const SUBJECT_TOKEN_TYPES = {
  'urn:ietf:params:oauth:token-type:id_token': 'id_token',
  'urn:ietf:params:oauth:token-type:access_token': 'access_token',
  'urn:ietf:params:oauth:token-type:jwt': 'jwt',
} as const;

export type SubjectTokenType = (typeof SUBJECT_TOKEN_TYPES)[keyof typeof SUBJECT_TOKEN_TYPES];

/** The cookies and headers that an authenticator may see of a browser's request. */
export interface CarriedNames {
  /** A `*` at the end stands for any rest of the name. */
  cookies: readonly string[];
  /** Lower-case names. */
  headers: readonly string[];
}

export type AuthenticationOutcome =
  | {
      outcome: 'authenticated';
      space: ReferenceSpace;
      reference: CustomerReference;
      /** When whoever vouches was asked, in Unix milliseconds. Default: now. A sign-out after it ends the session. */
      provenAtMs?: number;
      /** When the customer's credentials were last checked, in Unix milliseconds, if that was another moment. */
      checkedAtMs?: number | undefined;
    }
  | { outcome: 'refused'; reason: 'credentials' | 'locked' | 'password_change_required' }
  | { outcome: 'not_mine' }
  /** Could not tell: the directory is down, slow, busy or made no sense. Never reported as wrong credentials. */
  | { outcome: 'unavailable'; busy: boolean; retryAfterSeconds: number; reason?: FailureReason };

export type LogoutAnswer =
  | { outcome: 'ended'; space: ReferenceSpace; reference: CustomerReference }
  /** `reason` is for the audit log, never for the caller. */
  | { outcome: 'refused'; reason: string }
  | { outcome: 'not_mine' }
  /** Could not tell: the provider's keys are not to be had. */
  | { outcome: 'unavailable' };

export interface AuthenticationContext {
  requestId: string;
  channel: string;
  /** Where the sign-in comes from; none for a trial by an administrator. */
  address?: string | undefined;
  /** Aborted when nobody waits for the answer any more: calls under way end, and the outcome is `unavailable`. */
  signal?: AbortSignal | undefined;
  /** Told each step in words, without names or secrets. Only `symbolon try-login` listens. */
  note?: (step: string) => void;
}

/** What whoever begins a sign-in may ask of the provider. */
export interface RedirectRequest {
  /** Comes back unchanged; whoever begins checks it. */
  state: string;
  /** OIDC Core 1.0 section 3.1.2.1. What the configuration says outweighs it. */
  prompt?: RedirectPrompt | undefined;
  /** Longest time since the provider last saw the customer's credentials. The shorter one of this and the configured holds. */
  maxAgeSeconds?: number | undefined;
}

export const REDIRECT_PROMPTS = ['none', 'login', 'consent', 'select_account'] as const;

export type RedirectPrompt = (typeof REDIRECT_PROMPTS)[number];

export type RedirectStart =
  | {
      outcome: 'redirect';
      /** Where the browser goes. */
      location: string;
      /** What the answer will be judged by. Holds secrets: kept sealed, by this browser alone. */
      memory: string;
    }
  /** Asked not to show anything, and configured to show something every time. */
  | { outcome: 'login_required' }
  | Extract<AuthenticationOutcome, { outcome: 'unavailable' }>;

/** Sign-in by sending the browser to a provider; `authenticate` with a `redirect_answer` finishes it. */
export interface RedirectSignIn {
  /** `form_post`: the answer comes as a cross-site form, so that only a `SameSite=None` cookie comes with it. */
  readonly responseMode: 'query' | 'form_post';
  begin(request: RedirectRequest, context: AuthenticationContext): Promise<RedirectStart>;
}

/** Where providers send browsers back to, one address for each authenticator (RFC 9700 section 4.4.2.2). */
export const CALLBACK_PATH = '/customer_sign_in/callback';

/** What a probe found; a `warning` works as far as can be told. */
export interface ProbeResult {
  ok: boolean;
  warning?: boolean;
  message: string;
}

export interface Authenticator {
  readonly name: string;
  readonly type: string;
  /** Set by those that take a `site_session`: what the edge hands them of a request, and nothing else. */
  readonly carries?: CarriedNames;
  /** Set by those that send the customer's browser to a provider. */
  readonly redirect?: RedirectSignIn;
  authenticate(proof: Proof, context: AuthenticationContext): Promise<AuthenticationOutcome>;
  /**
   * Set by those whose provider tells of sign-outs: reads a logout token (OpenID Connect Back-Channel Logout 1.0
   * section 2.4) and uses it up.
   */
  readLogout?(logoutToken: string): Promise<LogoutAnswer>;
  /** Tries the connection without anybody's credentials; says in a sentence what is wrong. For `symbolon doctor`. */
  probe(): Promise<ProbeResult>;
  /** Lets go of what it opened itself; connections and the hasher are closed by whoever made them. */
  close(): Promise<void>;
}

/** What the composition root has for authenticators; each takes what it needs. */
export interface AuthenticatorDeps {
  connections: ReadonlyMap<string, Connection>;
  directory: DirectoryStore;
  hasher: PasswordHasher;
  audit: Audit;
  logger: Logger;
  httpClient: HttpClient;
  clock: Clock;
  replays: Pick<ReplayStore, 'consume'>;
  endedReferences: Pick<EndedReferences, 'endedSince'>;
  reportFailure: ReportFailure;
  /** `PUBLIC_URL`, without a slash at its end. */
  publicUrl: string;
}
