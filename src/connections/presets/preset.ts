import type { LimitWindow } from '../../limits/tiers.ts';

/** Where a value goes in the JSON body of a call: members from the outside in, such as `customer.externalId`. */
export interface BodyPlace {
  in: 'body';
  path: string;
  /** The partner wants a list there: the value becomes its only entry. Default false. */
  list?: boolean;
}

export interface HeaderPlace {
  in: 'header';
  /** Lower case. */
  name: string;
}

export type Place = BodyPlace | HeaderPlace;

/** A call that a partner platform may make through us, with what we add to it. */
export interface OpenPath {
  /** Below the base URL, without query; `{name}` stands for one segment of letters, digits, `.`, `_`, `~`, `-`. */
  path: string;
  /** What the segments in braces must look like beyond that. */
  segment?: RegExp;
  /** Where the customer's identifier goes; left out: nowhere. */
  identifier?: Place;
  /** Where the customer's own token goes, for a partner that passes it on to the company's APIs. */
  token?: BodyPlace;
  /** Members that the call always has, by their path. */
  fixed?: Readonly<Record<string, string>>;
}

/** When a refused or failed call is tried again. The list says how long to wait before each further attempt. */
export interface RetryAdvice {
  /** After a 429 that does not say how long to wait. A refused call was not carried out, so any method is repeated. */
  tooManyMs: readonly number[];
  /** After a 5xx. */
  serverErrorMs: readonly number[];
  /**
   * A POST may be repeated after a 5xx, because the partner answers 409 to what it has already; that 409 is then the
   * sign of success. Default false: only GET is repeated.
   */
  conflictMeansStored?: boolean;
}

/** Where an error answer says what is wrong: paths such as `error.code`. */
export interface ErrorShape {
  code: string;
  message: string;
  /** Where the body says how many seconds to wait, beside or instead of `Retry-After`; the first one found counts. */
  retryAfterSeconds: readonly string[];
}

/** One edition of a partner's API: its address and the limits that it sets its callers. */
export interface PresetVariant {
  /** Left out where every customer of the partner has an address of their own. */
  baseUrl?: string;
  limits: readonly LimitWindow[];
}

/** A partner's API as data: all that makes one connection differ from another. */
export interface Preset {
  /** As people know it. */
  title: string;
  /** Where the facts stand: the partner's own pages. */
  sources: readonly string[];
  /** The first one is the default. */
  variants: Readonly<Record<string, PresetVariant>>;
  /**
   * The ways in which the partner lets itself be called: type of the auth entry → settings that need not be written.
   * `{base}` in a value stands for the base URL.
   */
  auth: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** A sentence for people: which auth entries to write. */
  authAdvice: string;
  /** Of every call; lower-case names. */
  headers: Readonly<Record<string, string>>;
  retry: RetryAdvice;
  errors: ErrorShape;
  paths: readonly OpenPath[];
  /** After this many days the partner wants a key replaced. */
  maxKeyAgeDays?: number;
  /** A way to write the connection, with `${…}` for what is secret. */
  example: { base_url?: string; auth: readonly Readonly<Record<string, string>>[] };
  /** What goes wrong at this partner in particular: how it shows, and what to do. */
  problems: readonly (readonly [sign: string, advice: string])[];
  /** For the documentation; left out where the partner's pages name no call. */
  firstCall?: { method: 'GET' | 'POST'; path: string; data?: string };
}
