// Sign-in with the server's own users.
import type { Metadata } from 'next';
import { LoginForm } from '@/components/login/login-form';

export const metadata: Metadata = { title: 'Sign in' };

export default function LoginPage() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center p-4">
      <LoginForm />
    </main>
  );
}
