// The page for an address that leads nowhere. Our own, since Next's carries a style element that the policy forbids.
import { Link } from '@/components/ui/link';
import { BrandMark } from '@/components/layout/brand';

export default function NotFound() {
  return (
    <main className="flex h-dvh flex-col items-center justify-center gap-3 p-6 text-center">
      <BrandMark className="size-10" />
      <h1 className="text-xl font-semibold">There is no such page</h1>
      <p className="text-dim">The address may be mistyped, or the page belongs to another version.</p>
      <Link href="/" className="rounded-md bg-accent-hover px-4 py-2 font-medium text-on-accent hover:opacity-90">
        To the dashboard
      </Link>
    </main>
  );
}
