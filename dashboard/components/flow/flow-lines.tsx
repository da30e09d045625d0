// The lines of the data-flow view behind its boxes, and the packets that go along them, on a canvas: hundreds of elements that
// move would cost more than all else on the page. Where nothing is to move, arrows show the way.
'use client';
import { useEffect, useRef } from 'react';
import { cssColour, type Tone } from '@/components/charts/palette';
import { cn } from '@/lib/cn';
import { Packets, pace, pointOn, type Strand, type Thread } from '@/lib/flow-layout';

const STROKE: Record<Tone, string> = { 1: 'stroke-series-1', 2: 'stroke-series-2', 3: 'stroke-series-3', 4: 'stroke-series-4', 5: 'stroke-series-5', 6: 'stroke-series-6' };
const FILL: Record<Tone, string> = { 1: 'fill-series-1', 2: 'fill-series-2', 3: 'fill-series-3', 4: 'fill-series-4', 5: 'fill-series-5', 6: 'fill-series-6' };
const TONES: readonly Tone[] = [1, 2, 3, 4, 5, 6];
/** Thirty pictures a second are even enough for what is this small. */
const FRAME_MS = 33;
/** A tab that was away goes on where it was. */
const LEAP_MAX_MS = 200;

interface FlowLinesProps {
  strands: readonly Strand[];
  /** Samples: dashed, and nothing moves on them. */
  threads: readonly Thread[];
  width: number;
  height: number;
  moves: boolean;
  /** The line that is pointed at. */
  lit: string | null;
}

export function FlowLines({ strands, threads, width, height, moves, lit }: FlowLinesProps) {
  return (
    <>
      <svg aria-hidden viewBox={`0 0 ${width} ${height}`} width={width} height={height} className="pointer-events-none absolute top-0 left-0">
        {threads.map((thread) => (
          <path key={thread.id} data-thread d={thread.d} fill="none" strokeWidth={thread.width} strokeDasharray="2 3" className={cn('stroke-series-5', lit === thread.from || lit === thread.to ? 'opacity-90' : lit !== null ? 'opacity-10' : 'opacity-35')} />
        ))}
        {strands.map((strand) => (
          <path key={strand.id} d={strand.d} fill="none" strokeWidth={strand.width} strokeDasharray={strand.share === null ? '3 4' : undefined} className={cn(STROKE[strand.tone], lit === strand.line ? 'opacity-60' : lit !== null ? 'opacity-15' : strand.share === 0 ? 'opacity-25' : 'opacity-40')} />
        ))}
        {!moves && strands.map((strand) => (strand.share ?? 0) > 0 && <path key={strand.id} d={strand.arrow} className={cn(FILL[strand.tone], lit !== null && lit !== strand.line && 'opacity-15')} />)}
      </svg>
      {moves && <PacketCanvas strands={strands} width={width} height={height} lit={lit} />}
    </>
  );
}

type Moving = Omit<FlowLinesProps, 'moves' | 'threads'>;

function PacketCanvas({ strands, width, height, lit }: Moving) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef({ strands, width, height, lit });
  useEffect(() => {
    latest.current = { strands, width, height, lit };
  });
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const packets = new Packets();
    let frame = 0;
    let drawn = performance.now();
    const step = (now: number) => {
      frame = requestAnimationFrame(step);
      const elapsed_ms = now - drawn;
      if (elapsed_ms < FRAME_MS) return;
      drawn = now;
      packets.advance(latest.current.strands, Math.min(elapsed_ms, LEAP_MAX_MS));
      draw(element, packets, latest.current);
    };
    const start = () => {
      cancelAnimationFrame(frame);
      drawn = performance.now();
      frame = requestAnimationFrame(step);
    };
    // Out of sight nothing is drawn.
    const sight = new IntersectionObserver((entries) => (entries.at(-1)?.isIntersecting === true ? start() : cancelAnimationFrame(frame)));
    sight.observe(element);
    return () => {
      sight.disconnect();
      cancelAnimationFrame(frame);
    };
  }, []);
  return <canvas ref={canvas} aria-hidden data-packets className="pointer-events-none absolute top-0 left-0" />;
}

function draw(element: HTMLCanvasElement, packets: Packets, { strands, width, height, lit }: Moving): void {
  const brush = element.getContext('2d');
  if (brush === null) return;
  const dense = Math.min(2, window.devicePixelRatio || 1);
  const [wide, high] = [Math.round(width * dense), Math.round(height * dense)];
  if (element.width !== wide || element.height !== high) {
    element.width = wide;
    element.height = high;
    element.style.width = `${width}px`;
    element.style.height = `${height}px`;
  }
  brush.setTransform(dense, 0, 0, dense, 0, 0);
  brush.clearRect(0, 0, width, height);
  brush.lineCap = 'round';
  for (const tone of TONES) {
    brush.strokeStyle = cssColour(`--series-${tone}`);
    for (const strand of strands) {
      const how = pace(strand.share);
      if (strand.tone !== tone || how === null) continue;
      brush.globalAlpha = lit === null || lit === strand.line ? 1 : 0.2;
      brush.lineWidth = Math.min(4, 2 + strand.width / 5);
      brush.beginPath();
      for (const head of packets.heads(strand)) {
        const [front, end] = [pointOn(strand.track, head), pointOn(strand.track, Math.max(0, head - how.long))];
        brush.moveTo(end.x, end.y);
        brush.lineTo(front.x, front.y);
      }
      brush.stroke();
    }
  }
}
