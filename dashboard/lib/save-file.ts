// Hands a file to the browser's downloads.

export function fetchFile(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  fetchFile(url, name);
  // The browser has it by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
