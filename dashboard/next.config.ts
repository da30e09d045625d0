// Next.js settings: everything is exported as files, because the server binary embeds and serves them.
import type { NextConfig } from 'next';

const config: NextConfig = {
  output: 'export',
  // Each route becomes a folder with an index file, which any file server finds.
  trailingSlash: true,
  productionBrowserSourceMaps: false,
  reactStrictMode: true,
  images: { unoptimized: true },
  poweredByHeader: false,
  // The workspace root is this folder; without it Next looks for lock files further up.
  turbopack: { root: __dirname },
};

export default config;
