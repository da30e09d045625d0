// Sign-in with the server's own users.
import type { Metadata } from 'next';
import { LoginForm } from '@/components/login/login-form';

export const metadata: Metadata = { title: 'Sign in' };

export default function LoginPage() {
  return (
    // From a fixed place downwards: what the server says once it has answered moves nothing that is there.
    <main className="flex min-h-dvh flex-col items-center p-4 pt-[max(24px,16dvh)]">
      <LoginForm />
    </main>
  );
}
