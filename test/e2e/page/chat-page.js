import { createSymbolon } from '@symbolon/sdk-web';
import { asapp } from '@symbolon/sdk-web/asapp';

/**
 * A stand-in for ASAPP's web chat with its documented calls. Like a real one it keeps the conversation in the browser's
 * store and shows it on the page; every key that is pressed asks for the context.
 */
function createStandIn() {
  const root = document.querySelector('[data-chat]');
  let identity;
  const shown = () => JSON.parse(localStorage.getItem('asapp-chat') ?? '[]');
  const draw = () => {
    root.textContent = identity ? [identity.CustomerId, ...shown()].join('\n') : '';
  };
  return {
    calls: [],
    /** Tokens of the keys that were pressed. */
    press: (needsRefresh = false) =>
      new Promise((done) => identity.ContextProvider((context) => done(context.Auth.Token), needsRefresh)),
    say(text) {
      localStorage.setItem('asapp-chat', JSON.stringify([...shown(), text]));
      draw();
    },
    call(name, settings) {
      this.calls.push([name, settings?.CustomerId]);
      if (name === 'load' || name === 'setCustomer') identity = settings.CustomerId ? settings : undefined;
      if (name === 'unloadAndClearSession') {
        identity = undefined;
        localStorage.removeItem('asapp-chat');
      }
      draw();
    },
  };
}

const { bridge, options = {} } = await (await fetch('/settings.json')).json();
const chat = createStandIn();
const heard = [];
window.ASAPP = (...args) => chat.call(...args);
const symbolon = createSymbolon({
  baseUrl: bridge,
  channel: 'asapp',
  onSignedOut: (reason) => heard.push(['signed_out', reason]),
  onIdentityChanged: (customerId, before) => heard.push(['changed', before, customerId]),
  onError: (error) => heard.push(['error', error.code]),
  ...options,
});
asapp(symbolon, { APIHostname: 'acme.asapp.com', AppId: 'acme' });
/** `undefined`, or the code of the failure. */
const codeOf = (work) =>
  work.then(
    () => undefined,
    (error) => error.code ?? String(error),
  );
Object.assign(window, { symbolon, chat, heard, codeOf });
await symbolon.start().catch(() => {});
document.body.dataset.ready = 'true';
