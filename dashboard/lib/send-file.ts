// Sends a file, and tells how much of it is there: what fetch cannot. The file is streamed by the browser, never read whole.
import { ApiError, csrfValue } from './api';
import type { Failure } from './contract';

export interface Sending {
  file: File;
  signal: AbortSignal;
  onProgress(part: number): void;
}

function failureOf(request: XMLHttpRequest): ApiError {
  const requestId = request.getResponseHeader('X-Request-Id');
  try {
    const { error } = JSON.parse(request.responseText) as Failure;
    return new ApiError(request.status, error.code, error.message, error.details ?? {}, requestId);
  } catch {
    return new ApiError(request.status, `HTTP_${request.status}`, `The answer had status ${request.status} and no explanation.`, {}, requestId);
  }
}

/** `path` is below `/api/v1`; the answer of the status that means success. */
export function sendFile<T>(path: string, success: number, { file, signal, onProgress }: Sending): Promise<T> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `/api/v1${path}`);
    request.setRequestHeader('Accept', 'application/json');
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.setRequestHeader('X-FlashDB-CSRF', csrfValue());
    request.upload.onprogress = (event) => onProgress(event.total > 0 ? event.loaded / event.total : 0);
    request.onload = () => {
      if (request.status === success) resolve(JSON.parse(request.responseText) as T);
      else reject(failureOf(request));
    };
    // A file that is refused before all of it was sent may look like this, too.
    request.onerror = () => reject(new ApiError(0, 'UNREACHABLE', 'The file could not be sent: the server took no more of it.', {}, null));
    request.onabort = () => reject(new DOMException('aborted', 'AbortError'));
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}
