// After the export: puts the bundles of each page behind its first paint, which needs none of them (where they arrive quickly
// a browser would run them first). Then makes sure that a content security policy without unsafe-inline can hold: fails on
// style attributes and style elements, counts the inline scripts of each page, and writes their hashes to out-csp.json for
// inspection (the server computes its own from the very bytes it serves). Then puts a brotli and a gzip twin beside each file
// that gets smaller by it: the server embeds them and compresses nothing itself.
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const OUT = new URL('../out/', import.meta.url).pathname;

async function* files(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

const SCRIPT = /<script src="([^"]+)" (?:id="[^"]*" )?async=""><\/script>/g;
const HINT = /<link rel="preload" as="script"[^>]*\/>/g;

// Nothing is painted in a tab that is not seen, so there the bundles come at once; the timer is for browsers that think otherwise.
const LOADER = `(function(u){var d;function go(){if(d)return;d=1;u.forEach(function(s){var e=document.createElement('script');e.src=s;e.async=true;document.head.appendChild(e)})}
if(document.hidden)go();else{requestAnimationFrame(function(){setTimeout(go)});setTimeout(go,1000)}})`;

function paintFirst(html) {
  const bundles = [...new Set([...html.matchAll(SCRIPT)].map((match) => match[1]))];
  // As the last of the head: React looks for its own scripts there, in their order.
  return html.replaceAll(SCRIPT, '').replaceAll(HINT, '').replace('</head>', () => `<script>${LOADER}(${JSON.stringify(bundles)})</script></head>`);
}

const manifest = {};
const problems = [];
for await (const path of files(OUT)) {
  const name = relative(OUT, path);
  if (name.endsWith('.map')) problems.push(`${name}: source maps are not shipped`);
  if (!name.endsWith('.html')) continue;
  const html = paintFirst(await readFile(path, 'utf8'));
  await writeFile(path, html);
  // The only one left is for browsers that know no modules.
  if (/<script(?![^>]*nomodule)[^>]*\ssrc=/i.test(html)) problems.push(`${name}: a bundle is not behind the first paint`);
  if (/\sstyle="/.test(html)) problems.push(`${name}: has a style attribute, which the policy blocks`);
  if (/<style[\s>]/.test(html)) problems.push(`${name}: has a style element, which the policy blocks`);
  if (/\son[a-z]+="/.test(html)) problems.push(`${name}: has an inline event handler, which the policy blocks`);
  const inline = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map((match) => match[1]);
  manifest[name] = [...new Set(inline)].map((script) => `sha256-${createHash('sha256').update(script).digest('base64')}`);
}

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
// A page of Next's own that nothing links to and no address reaches.
await rm(join(OUT, '_not-found'), { recursive: true, force: true });
await writeFile(new URL('../out-csp.json', import.meta.url), `${JSON.stringify(manifest, null, 2)}\n`);
const counts = Object.values(manifest).map((hashes) => hashes.length);
console.log(`sealed ${counts.length} pages, at most ${Math.max(...counts)} inline scripts on one`);

const TWINS = [
  ['.br', (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })],
  ['.gz', (bytes) => gzipSync(bytes, { level: 9 })],
];
const plain = [];
for await (const path of files(OUT)) if (!TWINS.some(([suffix]) => path.endsWith(suffix))) plain.push(path);
for (const path of plain) {
  const bytes = await readFile(path);
  for (const [suffix, compress] of TWINS) {
    const twin = compress(bytes);
    if (twin.length < bytes.length * 0.9) await writeFile(path + suffix, twin);
  }
}
