// The export in front of a server that was built without it: pages from out/, everything else passed on as it is. For
// working on the pages without building the binary each time (FLASHDB_E2E_PAGES=out).
import { createServer, request as send, type Server } from 'node:http';
import { connect } from 'node:net';
import { servePage } from './pages';

const API = /^\/(api\/|health$|ws$|metrics$)/;

export function startProxy(port: number, behind: number): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://proxy').pathname;
    if (!API.test(path)) return servePage(path, response);
    const onward = send({ host: '127.0.0.1', port: behind, path: request.url, method: request.method, headers: request.headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    // A server that is not there is a connection that breaks, as it would be without the proxy.
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.on('upgrade', (request, socket, head) => {
    const onward = connect(behind, '127.0.0.1', () => {
      const headers = Object.entries(request.headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}`));
      onward.write(`${request.method} ${request.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}
