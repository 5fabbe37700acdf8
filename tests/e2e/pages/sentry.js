// A page's own script, as any shop has it: the real SDK, set up in the ordinary way.

import * as Sentry from '@sentry/browser';

const { dsn, rate, tunnel } = document.documentElement.dataset;
Sentry.init({
  dsn,
  release: 'shop@1',
  integrations: [Sentry.browserTracingIntegration()],
  tracesSampleRate: Number(rate),
  ...(tunnel ? { tunnel: tunnel === 'true' || tunnel } : {}),
});
document.documentElement.dataset['sdk'] = Sentry.SDK_VERSION;
