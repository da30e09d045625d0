// What came out of an experiment, drawn by its kind. Each is drawn while it runs, with what is known so far.
'use client';
import type { LabResult } from '@/lib/lab/experiments';
import { EncodingView, FieldsView, HyperloglogView } from './chart-results';
import { LimiterView } from './limiter-view';
import { MemoryView } from './memory-view';
import { StreamView } from './stream-view';

export function ResultView({ result }: { result: LabResult }) {
  switch (result.kind) {
    case 'memory':
      return <MemoryView result={result} />;
    case 'encoding':
      return <EncodingView result={result} />;
    case 'hyperloglog':
      return <HyperloglogView result={result} />;
    case 'limiter':
      return <LimiterView result={result} />;
    case 'stream':
      return <StreamView result={result} />;
    case 'fields':
      return <FieldsView result={result} />;
  }
}
