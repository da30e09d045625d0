// The command that reads a key of some type, for the console.
import { quoteArgument } from './bytes';
import type { Bytes } from './contract';

export function readCommand(type: string, key: Bytes): string {
  const name = quoteArgument(key);
  switch (type) {
    case 'string':
      return `GET ${name}`;
    case 'hash':
      return `HSCAN ${name} 0`;
    case 'list':
      return `LRANGE ${name} 0 99`;
    case 'set':
      return `SSCAN ${name} 0`;
    case 'zset':
      return `ZRANGE ${name} 0 99 WITHSCORES`;
    case 'stream':
      return `XRANGE ${name} - + COUNT 100`;
    default:
      return `TYPE ${name}`;
  }
}
