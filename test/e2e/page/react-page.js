import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { createSymbolon } from '@symbolon/sdk-web';
import { useCustomer } from '@symbolon/sdk-web/react';

const symbolon = createSymbolon({ baseUrl: new URLSearchParams(location.search).get('bridge'), channel: 'web' });

function Greeting() {
  const { state, customerId } = useCustomer(symbolon);
  return createElement('p', null, `${state} ${customerId ?? 'nobody'}`);
}

window.symbolon = symbolon;
createRoot(document.querySelector('main')).render(createElement(Greeting));
