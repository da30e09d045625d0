// The elements of a key of any type as rows of one table.
import type { ItemsPage, PageBytes } from './contract';

export interface ItemRow {
  id: string;
  cells: { value: PageBytes; note?: string }[];
}

export function headings(type: string): string[] {
  switch (type) {
    case 'list':
      return ['index', 'value'];
    case 'hash':
      return ['field', 'value'];
    case 'zset':
      return ['score', 'member'];
    case 'set':
      return ['member'];
    case 'stream':
      return ['id', 'fields'];
    default:
      return ['value'];
  }
}

/** `offset` keeps the row ids of later pages apart from those of earlier ones. */
export function rowsOf(page: ItemsPage, offset: number): ItemRow[] {
  const row = (at: number, ...cells: ItemRow['cells']): ItemRow => ({ id: String(offset + at), cells });
  switch (page.type) {
    case 'list':
      return page.items.map((item, at) => row(at, { value: String(item.index) }, { value: item.value }));
    case 'hash':
      return page.items.map((item, at) => row(at, { value: item.field }, { value: item.value }));
    case 'zset':
      return page.items.map((item, at) => row(at, { value: String(item.score) }, { value: item.member }));
    case 'set':
      return page.items.map((item, at) => row(at, { value: item.member }));
    case 'stream':
      return page.items.map((item, at) => row(at, { value: item.id }, ...item.fields.flatMap(([field, value]) => [{ value: field, note: 'field' }, { value }])));
    default:
      return [];
  }
}
