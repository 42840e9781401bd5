/** What shows a vendor who the customer is. */
export interface Proof {
  kind: 'jwt' | 'hmac' | 'opaque';
  /** The token, signature or code. Never put it into a log or an address. */
  token: string;
  /** The opaque identifier of the customer that it proves. */
  customerId: string;
  /** What the vendor's widget call needs, named as the vendor names it. */
  web: Record<string, unknown>;
}

/** A proof with its age, counted from the moment it was asked for, so that it is never thought younger than it is. */
export interface HeldProof extends Proof {
  askedMs: number;
  lifeMs: number;
  /** It was asked for because a vendor refused the one before. */
  fresh: boolean;
}
