// A page's own script, as any shop has it: the real SDK, set up in the ordinary way.

import * as Sentry from '@sentry/browser';

Sentry.init({
  dsn: document.documentElement.dataset['dsn'],
  release: 'shop@1',
  integrations: [Sentry.browserTracingIntegration()],
  tracesSampleRate: Number(document.documentElement.dataset['rate']),
});
document.documentElement.dataset['sdk'] = Sentry.SDK_VERSION;
