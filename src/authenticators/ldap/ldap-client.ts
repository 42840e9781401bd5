import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The LDAP client, loaded at its first use: who has no directory server has no memory to spare for it. */
export const ldapts = (): typeof import('ldapts') => require('ldapts') as typeof import('ldapts');
