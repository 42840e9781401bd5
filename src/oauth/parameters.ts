import { OAuthError } from '../errors.ts';

export type Parameters = Readonly<Record<string, string>>;

/** RFC 6749 section 3.3: scope tokens separated by single spaces. */
const SCOPE = /^[\x21\x23-\x5B\x5D-\x7E]+( [\x21\x23-\x5B\x5D-\x7E]+)*$/;

/** Empty values count as absent (RFC 6749 section 3.2). */
export function presentParameters(parameters: Parameters): Parameters {
  if (!Object.values(parameters).includes('')) return parameters;
  const kept: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const name of Object.keys(parameters))
    if (parameters[name] !== '') kept[name] = parameters[name] as string;
  return kept;
}

/** A parameter that must be there. Throws `invalid_request`. */
export function requiredParameter(parameters: Parameters, name: string): string {
  const value = parameters[name];
  if (value === undefined) {
    throw new OAuthError('invalid_request', { message: `The parameter ${name} is missing.` });
  }
  return value;
}

/** What is asked for of what may be granted: all of it when nothing is asked. Throws `invalid_scope`. */
export function scopesWithin(granted: readonly string[], asked: string | undefined): readonly string[] {
  if (asked === undefined) return granted;
  if (!SCOPE.test(asked)) throw new OAuthError('invalid_scope');
  const scopes = [...new Set(asked.split(' '))];
  if (scopes.some((scope) => !granted.includes(scope))) throw new OAuthError('invalid_scope');
  return scopes;
}

/** RFC 8707: tokens are for this service alone. Throws `invalid_target`. */
export function refuseOtherResource(parameters: Parameters, issuer: string): void {
  for (const name of ['resource', 'audience']) {
    const value = parameters[name];
    if (value !== undefined && value !== issuer) throw new OAuthError('invalid_target');
  }
}
