declare module 'simple-oauth2' {
  export interface AccessToken {
    readonly token: Record<string, unknown>;
    expired(): boolean;
    refresh(): Promise<AccessToken>;
    revokeAll(): Promise<void>;
  }

  export class AuthorizationCode {
    constructor(options: {
      client: { id: string; secret: string };
      auth: Record<string, string>;
      options: { bodyFormat: 'form' | 'json'; authorizationMethod: 'header' | 'body' };
    });
    authorizeURL(parameters: Record<string, string>): string;
    getToken(parameters: Record<string, string>): Promise<AccessToken>;
  }
}
