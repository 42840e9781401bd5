/**
 * Small stand-ins of the vendors' page scripts. Each has the calls that its vendor documents, as far as the SDK's
 * adapter uses them, keeps what it was handed as the real one does, and shows it to the vendor's server when the
 * customer writes. The adapters are those of the SDK, unchanged.
 *
 * `talk()` is the customer writing: it resolves when the vendor has answered.
 */
import { asapp } from './sdk/asapp.js';
import { chatwoot } from './sdk/chatwoot.js';
import { genesys } from './sdk/genesys.js';
import { intercom } from './sdk/intercom.js';
import { salesforce } from './sdk/salesforce.js';
import { sendbird } from './sdk/sendbird.js';
import { stream } from './sdk/stream.js';
import { twilio } from './sdk/twilio.js';
import { zendesk } from './sdk/zendesk.js';

/** A proof that the script holds on to: shown again and again until the vendor refuses it. */
function holder({ show, cleared }) {
  let handed;
  return {
    take(next) {
      handed = next;
      return show(next);
    },
    /** `renew` is what the vendor's script does when its server refuses the held proof. */
    async talk(renew) {
      if (handed && !(await show(handed))) await renew?.();
    },
    drop(call) {
      handed = undefined;
      cleared(call);
    },
  };
}

export const scripts = {
  asapp({ symbolon, show, cleared, onLogin }) {
    let identity;
    // ASAPP asks with every key that is pressed, and says so when the company refused the last answer.
    const ask = (needsRefresh) =>
      new Promise((done) => {
        if (!identity) return done(false);
        identity.ContextProvider(async ({ Auth }) => {
          const handed = { token: Auth.Token, web: { CustomerId: identity.CustomerId, Auth } };
          done(await show(handed));
        }, needsRefresh);
      });
    globalThis.ASAPP = (command, settings) => {
      if (command === 'unloadAndClearSession') {
        identity = undefined;
        cleared("ASAPP('unloadAndClearSession')");
        return;
      }
      identity = settings.CustomerId ? settings : undefined;
      void ask(false);
    };
    const { stop } = asapp(symbolon, { APIHostname: 'acme.test', AppId: 'acme' }, { onLogin });
    return { stop, talk: async () => (await ask(false)) || ask(true) };
  },

  zendesk({ symbolon, show, cleared }) {
    const held = holder({ show, cleared });
    let give;
    const ask = () => new Promise((done) => give((token) => done(held.take({ token, web: {} }))));
    globalThis.zE = (_product, command, callback) => {
      give = callback;
      if (command === 'loginUser') void ask();
      if (command === 'logoutUser') held.drop("zE('messenger', 'logoutUser')");
    };
    const { stop } = zendesk(symbolon);
    return { stop, talk: () => held.talk(ask) };
  },

  intercom({ symbolon, show, cleared }) {
    const held = holder({ show, cleared });
    globalThis.Intercom = (command, settings) => {
      if (command === 'boot') {
        const { app_id: _app, ...web } = settings;
        void held.take({ token: web.intercom_user_jwt ?? '', web });
      }
      if (command === 'shutdown') held.drop("Intercom('shutdown')");
    };
    const { stop } = intercom(symbolon, { app_id: 'acme' });
    return { stop, talk: () => held.talk() };
  },

  salesforce({ symbolon, show, cleared }) {
    const held = holder({ show, cleared });
    globalThis.embeddedservice_bootstrap = {
      userVerificationAPI: {
        setIdentityToken: (web) => held.take({ token: web.identityToken, web }),
        clearSession: () => held.drop('userVerificationAPI.clearSession()'),
      },
    };
    const { stop } = salesforce(symbolon);
    const expired = () => dispatchEvent(new Event('onEmbeddedMessagingIdentityTokenExpired'));
    return { stop, talk: () => held.talk(expired) };
  },

  genesys({ symbolon, show, cleared }) {
    const commands = {};
    const ask = () =>
      new Promise((done) => {
        commands.getAuthCode({ resolve: async (web) => done(await show({ token: '', web })), reject: () => done(false) });
      });
    const provider = {
      registerCommand: (name, run) => {
        commands[name] = run;
      },
      publish: (event) => event === 'signedIn' && void ask(),
      ready() {},
    };
    globalThis.Genesys = (command, name, given) => {
      if (command === 'registerPlugin') given(provider);
      if (name === 'Auth.logout') cleared("Genesys('command', 'Auth.logout')");
    };
    const { stop } = genesys(symbolon);
    return { stop, talk: async () => symbolon.customerId && ask() };
  },

  twilio({ symbolon, show, cleared }) {
    const held = holder({ show, cleared });
    const listeners = {};
    class Client {
      constructor(token) {
        void held.take({ token, web: {} });
      }
      on(event, listener) {
        listeners[event] = listener;
      }
      updateToken(token) {
        return held.take({ token, web: {} });
      }
      shutdown() {
        held.drop('client.shutdown()');
      }
    }
    const { stop } = twilio(symbolon, { Client, onClient() {} });
    return { stop, talk: () => held.talk(() => listeners.tokenExpired?.()) };
  },

  stream({ symbolon, show, cleared }) {
    const held = holder({ show, cleared });
    let connect;
    const client = {
      connectUser(user, provider) {
        connect = async () => held.take({ token: await provider(), web: { id: user.id } });
        return connect();
      },
      disconnectUser: () => held.drop('client.disconnectUser()'),
    };
    const { stop } = stream(symbolon, { client });
    return { stop, talk: () => held.talk(() => connect()) };
  },

  chatwoot({ symbolon, show, cleared }) {
    const held = holder({ show, cleared });
    globalThis.$chatwoot = {
      hasLoaded: true,
      setUser: (identifier, { identifier_hash, ...user }) =>
        void held.take({ token: identifier_hash, web: { identifier, identifier_hash, ...user } }),
      reset: () => held.drop('$chatwoot.reset()'),
    };
    const { stop } = chatwoot(symbolon);
    return { stop, talk: () => held.talk() };
  },

  sendbird({ symbolon, show, cleared }) {
    const held = holder({ show, cleared });
    let handler;
    let user;
    const sb = {
      setSessionHandler: (given) => {
        handler = given;
      },
      connect(userId, token) {
        user = userId;
        return held.take({ token, web: { userId } });
      },
      disconnect: () => held.drop('sb.disconnect()'),
    };
    const ask = () =>
      new Promise((done) => {
        handler?.onSessionTokenRequired(
          (token) => done(token && held.take({ token, web: { userId: user } })),
          () => done(false),
        );
      });
    const { stop } = sendbird(symbolon, { sb });
    return { stop, talk: () => held.talk(ask) };
  },
};
