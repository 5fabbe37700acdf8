// A page's own script with OpenTelemetry for the web, set up in the ordinary way: what loads a document and what fetches is
// instrumented, and spans go to the page's own back end.

import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { DocumentLoadInstrumentation } from '@opentelemetry/instrumentation-document-load';
import { FetchInstrumentation } from '@opentelemetry/instrumentation-fetch';
import { SimpleSpanProcessor, WebTracerProvider } from '@opentelemetry/sdk-trace-web';

const exporter = new OTLPTraceExporter({ url: new URL('/otel/v1/traces', location.href).href });
const provider = new WebTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
provider.register();
registerInstrumentations({ instrumentations: [new DocumentLoadInstrumentation(), new FetchInstrumentation({ ignoreUrls: [/\/otel\//] })] });
document.documentElement.dataset['sdk'] = 'opentelemetry';
