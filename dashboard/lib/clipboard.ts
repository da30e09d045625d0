// Puts a text where it can be pasted, and says so: to the eye, and to screen readers by the notices.
import { useToastStore } from '@/stores/toast';

/** `said` is what was copied. */
export async function copyText(text: string, said: string): Promise<boolean> {
  const say = useToastStore.getState().say;
  try {
    await navigator.clipboard.writeText(text);
    say(`Copied ${said}`);
    return true;
  } catch {
    say('The browser did not allow copying', 'error');
    return false;
  }
}
