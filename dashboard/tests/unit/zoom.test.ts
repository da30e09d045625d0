// The zoom of the charts in the address.
import { describe, expect, it } from 'vitest';
import { withZoom, zoomOf } from '@/components/charts/use-zoom';

describe('the zoom of an address', () => {
  it('is two times in order', () => {
    expect(zoomOf(new URLSearchParams('from=1790000000000&to=1790000060000'))).toEqual({ from: 1_790_000_000_000, to: 1_790_000_060_000 });
    for (const query of ['', 'from=1', 'to=1', 'from=2&to=1', 'from=1&to=1', 'from=x&to=5', 'from=-1&to=5', 'from=1e3&to=5000', `from=1&to=${'9'.repeat(16)}`]) expect(zoomOf(new URLSearchParams(query)), query).toBeNull();
  });
  it('stands beside what else is there', () => {
    expect(withZoom('?span=1h', { from: 1000.4, to: 2000.6 })).toBe('span=1h&from=1000&to=2001');
    expect(withZoom('?span=1h&from=1&to=2', null)).toBe('span=1h');
    expect(withZoom('', null)).toBe('');
  });
});
