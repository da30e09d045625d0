// Tailwind 4 runs as a PostCSS plugin; there is no other CSS step.
const config = { plugins: { '@tailwindcss/postcss': {} } };

export default config;
