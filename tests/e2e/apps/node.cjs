// A Node app with the OpenTelemetry SDK, set up by the OTEL_* variables alone, as any app's is. CommonJS, since
// instrumentations hook into `require`.

const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { NodeSDK } = require('@opentelemetry/sdk-node');

const sdk = new NodeSDK({ instrumentations: [new HttpInstrumentation()] });
sdk.start();

const { createServer } = require('node:http');
const { trace } = require('@opentelemetry/api');

const server = createServer((_request, response) => {
  trace.getTracer('shop').startActiveSpan('render', (span) => {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><html><head><title>node</title></head><body>hello from node</body></html>');
    span.end();
  });
});
server.listen(Number(process.env['PORT']), '127.0.0.1');

process.on('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void sdk.shutdown().finally(() => process.exit(0));
});
