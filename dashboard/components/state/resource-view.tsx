// The state contract for anything asked from the API: skeleton first, then the data; a failure after that leaves the
// data and says how old it is.
'use client';
import type { ReactNode } from 'react';
import type { Resource } from '@/hooks/use-resource';
import { errorText } from '@/lib/errors';
import { Age } from './age';
import { Failure } from './failures';
import { SkeletonRows } from './skeleton';

interface ResourceViewProps<T> {
  resource: Resource<T>;
  skeleton?: ReactNode;
  children(data: T): ReactNode;
}

export function ResourceView<T>({ resource, skeleton, children }: ResourceViewProps<T>) {
  if (resource.data === null) {
    if (resource.error !== null) return <Failure error={resource.error} onRetry={resource.reload} />;
    return skeleton ?? <SkeletonRows />;
  }
  return (
    <>
      {resource.error !== null && (
        <p role="alert" className="mb-2 rounded-md bg-tint-warning px-3 py-1.5 text-warning">
          Could not be refreshed: {errorText(resource.error)} Shown is the answer of <Age at={resource.loadedAt} />.
        </p>
      )}
      {children(resource.data)}
    </>
  );
}
