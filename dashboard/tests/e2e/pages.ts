// Serves the export as the server does: the policy of each page with the hashes of its inline scripts, 404 for the rest.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { extname, join, normalize } from 'node:path';

const OUT = join(__dirname, '../../out');
const KINDS: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.ico': 'image/x-icon', '.woff2': 'font/woff2', '.txt': 'text/plain; charset=utf-8' };

function policy(html: string): string {
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map((match) => ` 'sha256-${createHash('sha256').update(match[1] ?? '').digest('base64')}'`);
  return `default-src 'none'; script-src 'self'${[...new Set(inline)].join('')}; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

export function servePage(path: string, response: ServerResponse): void {
  const wanted = normalize(join(OUT, path));
  let file = wanted.startsWith(OUT) && existsSync(wanted) ? wanted : join(OUT, '404.html');
  if (statSync(file).isDirectory()) file = join(file, 'index.html');
  const bytes = readFileSync(file);
  const kind = extname(file);
  response.writeHead(file.endsWith('404.html') ? 404 : 200, { 'Content-Type': KINDS[kind] ?? 'application/octet-stream', ...(kind === '.html' ? { 'Content-Security-Policy': policy(bytes.toString()) } : {}) });
  response.end(bytes);
}
