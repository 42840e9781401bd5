import { directoryAuthenticator } from './directory.ts';
import { httpAuthenticator } from './http.ts';

/** Every type of authenticator that the configuration can name. */
export const authenticatorTypes = {
  directory: directoryAuthenticator,
  http: httpAuthenticator,
} as const;
