import { directoryAuthenticator } from './directory/directory.ts';
import { httpAuthenticator } from './http/http.ts';
import { ldapAuthenticator } from './ldap/ldap.ts';
import { jwtAuthenticator } from './jwt/jwt.ts';
import { oidcAuthenticator } from './oidc/oidc.ts';
import { siteSessionAuthenticator } from './site-session/site-session.ts';
import { sqlAuthenticator } from './sql/sql.ts';
import { testCustomersAuthenticator } from './test-customers/test-customers.ts';

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
