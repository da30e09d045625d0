// The size budget of the pages, gzip: fails where a route loads more before it works than it may. Lazy parts are found
// by what they hold, since their names are hashes.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

const OUT = new URL('../out/', import.meta.url).pathname;
const KIB = 1024;
const LIMITS = { firstLoadJs: 190 * KIB, css: 20 * KIB, html: 8 * KIB, fonts: 100 * KIB, firstVisit: 330 * KIB, embedded: 2.5 * KIB * KIB, chunk: 40 * KIB };

async function* files(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else yield path;
  }
}

const gzip = new Map();
const zipped = async (path) => {
  if (!gzip.has(path)) gzip.set(path, gzipSync(await readFile(path), { level: 9 }).length);
  return gzip.get(path);
};

const problems = [];
const check = (what, size, limit) => {
  const line = `${what.padEnd(34)} ${(size / KIB).toFixed(1).padStart(8)} KiB of ${(limit / KIB).toFixed(0)}`;
  console.log(line);
  if (size > limit) problems.push(line.trim());
};

const unique = (matches) => [...new Set([...matches].map((match) => match[1]))];
const firstLoads = new Set();
let embedded = 0;
const pages = [];
for await (const path of files(OUT)) {
  // The compressed twins of files.
  if (path.endsWith('.br') || path.endsWith('.gz')) continue;
  embedded += (await stat(path)).size;
  if (path.endsWith('.html')) pages.push(path);
}

for (const page of pages.sort()) {
  const html = await readFile(page, 'utf8');
  const route = relative(OUT, page);
  // scripts/seal.mjs has put them into a list. Browsers of today skip scripts marked nomodule.
  const scripts = JSON.parse(/\}\)\((\["[^\]]*"\])\)<\/script><\/head>/.exec(html)[1]);
  const styles = unique(html.matchAll(/<link[^>]*rel="stylesheet"[^>]*href="([^"]+)"/g));
  const fonts = unique(html.matchAll(/<link[^>]*rel="preload"[^>]*href="([^"]+\.woff2)"/g));
  const local = (url) => join(OUT, decodeURIComponent(url.split('?')[0]));
  const sum = async (urls, size) => (await Promise.all(urls.map((url) => size(local(url))))).reduce((a, b) => a + b, 0);
  const js = await sum(scripts, zipped);
  const css = await sum(styles, zipped);
  const font = await sum(fonts, async (path) => (await stat(path)).size);
  const own = await zipped(page);
  for (const url of scripts) firstLoads.add(local(url));
  check(`${route}: first-load JS`, js, LIMITS.firstLoadJs);
  check(`${route}: CSS`, css, LIMITS.css);
  check(`${route}: HTML`, own, LIMITS.html);
  check(`${route}: fonts`, font, LIMITS.fonts);
  check(`${route}: first visit`, js + css + own + font, LIMITS.firstVisit);
}

for await (const path of files(join(OUT, '_next'))) {
  if (!path.endsWith('.js') || firstLoads.has(path)) continue;
  const size = await zipped(path);
  if (size > 4 * KIB) check(`lazy ${relative(join(OUT, '_next'), path).split('/').pop()}`, size, LIMITS.chunk);
}
check('all files, uncompressed', embedded, LIMITS.embedded);

if (problems.length > 0) {
  console.error(`\nover budget:\n${problems.join('\n')}`);
  process.exit(1);
}
