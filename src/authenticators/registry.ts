import { directoryAuthenticator } from './directory.ts';
import { httpAuthenticator } from './http.ts';
import { ldapAuthenticator } from './ldap.ts';
import { jwtAuthenticator } from './jwt.ts';
import { oidcAuthenticator } from './oidc.ts';
import { siteSessionAuthenticator } from './site-session.ts';
import { sqlAuthenticator } from './sql.ts';
import { testCustomersAuthenticator } from './test-customers.ts';

/** Every type of authenticator that the configuration can name. */
export const authenticatorTypes = {
  directory: directoryAuthenticator,
  http: httpAuthenticator,
  ldap: ldapAuthenticator,
  jwt: jwtAuthenticator,
  oidc: oidcAuthenticator,
  site_session: siteSessionAuthenticator,
  sql: sqlAuthenticator,
  test_customers: testCustomersAuthenticator,
} as const;
