// Menus on Radix, not modal: the modal kind injects a style element for its scroll lock. They give the focus back to their
// button, or to the list around it where the tabulator does not reach the button.
'use client';
import * as Base from 'radix-ui/dropdown-menu';
import { useRef, type ReactNode } from 'react';
import { cn } from '@/lib/cn';
import { goBack, wayFromButton } from '@/lib/focus';

interface MenuProps {
  trigger: ReactNode;
  align?: 'start' | 'center' | 'end';
  side?: 'top' | 'bottom';
  /** For a menu that was fetched because its button was pressed. */
  startsOpen?: boolean;
  children: ReactNode;
}

export function Menu({ trigger, align = 'end', side = 'bottom', startsOpen = false, children }: MenuProps) {
  // A press elsewhere says where the focus goes.
  const left = useRef(false);
  return (
    <Base.Root modal={false} defaultOpen={startsOpen}>
      <Base.Trigger asChild>{trigger}</Base.Trigger>
      <Base.Portal>
        <Base.Content
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          onInteractOutside={() => (left.current = true)}
          onCloseAutoFocus={(event) => {
            if (!left.current && event.target instanceof Element) {
              event.preventDefault();
              goBack(wayFromButton(event.target), event.target);
            }
            left.current = false;
          }}
          className="floating z-50 min-w-52 animate-appear rounded-lg p-1"
        >
          {children}
        </Base.Content>
      </Base.Portal>
    </Base.Root>
  );
}

interface MenuItemProps {
  onSelect(): void;
  disabled?: boolean;
  danger?: boolean;
  icon?: ReactNode;
  hint?: ReactNode;
  children: ReactNode;
}

export function MenuItem({ onSelect, disabled, danger = false, icon, hint, children }: MenuItemProps) {
  return (
    <Base.Item
      disabled={disabled}
      onSelect={onSelect}
      className={cn(
        'flex min-h-8 cursor-pointer items-center gap-2 rounded-md px-2 outline-none select-none data-disabled:cursor-not-allowed data-disabled:opacity-50 data-highlighted:bg-raised coarse:min-h-11 [&_svg]:size-4 [&_svg]:shrink-0 [&_svg]:text-muted',
        danger && 'text-error-text [&_svg]:text-error-text',
      )}
    >
      {icon}
      <span className="flex-1">{children}</span>
      {hint !== undefined && <span className="text-xs text-muted">{hint}</span>}
    </Base.Item>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Base.Label className="px-2 py-1.5 text-xs text-muted">{children}</Base.Label>;
}

export function MenuSeparator() {
  return <Base.Separator className="my-1 h-px bg-line" />;
}
