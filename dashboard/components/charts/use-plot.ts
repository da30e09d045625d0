// Runs one uPlot: builds it when its element is there, feeds it when samples arrive, and fills the tooltip.
'use client';
import { type RefObject, useEffect } from 'react';
import type uPlot from 'uplot';
import { formatClock } from '@/lib/format';
import { stack } from '@/lib/memory-parts';
import { ownTask } from '@/lib/tasks';
import { series as samples, useServerStore } from '@/stores/server';
import { useSettingsStore } from '@/stores/settings';
import { changesOf, flagsOf, marksOf } from '@/lib/marks';
import { useAlertStore } from '@/stores/alerts';
import { useConfigChangesStore } from '@/stores/config-changes';
import { flagColour, showFlags } from './flags';
import { cssColour, seriesColour, seriesDash } from './palette';
import type { StreamChartProps } from './stream-chart';
import { BYTE_STEPS, DECIMAL_STEPS, upperEnd } from './ticks';
import { setZoom, type Zoom } from './use-zoom';

/** So far out of sight a chart is built, to be there when it is scrolled to. */
const AHEAD = '400px';

/** As far apart as what can be pressed is wide. */
const FLAG_PX = 26;
const FLAG_COARSE_PX = 46;

export interface PlotHandle {
  /** Shows the part that is held, or the newest. */
  show(): void;
}

interface PlotOptions extends StreamChartProps {
  host: RefObject<HTMLDivElement | null>;
  tip: RefObject<HTMLDivElement | null>;
  flags: RefObject<HTMLUListElement | null>;
  handle: RefObject<PlotHandle | null>;
  /** The part of the time that is held; null shows the newest. */
  zoom: RefObject<Zoom | null>;
}

export function usePlot(options: PlotOptions): void {
  const { host, series, span_ms } = options;
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    let plot: Running | null = null;
    let gone = false;
    const build = async () => {
      const { default: UPlot } = await import('uplot');
      // Six charts at once would hold the page for as long as all of them take.
      await ownTask();
      if (!gone) plot = run(UPlot, element, options);
    };
    // What nobody has scrolled to need not be drawn.
    const sight = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        sight.disconnect();
        // While the server is away its place stays empty; the table of the figures is there.
        build().catch(() => undefined);
      },
      { rootMargin: AHEAD },
    );
    sight.observe(element);
    return () => {
      gone = true;
      sight.disconnect();
      plot?.destroy();
    };
    // The plot is built anew when what it shows changes; formatters and callbacks stay the same.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [host, series, span_ms]);
}

interface Running {
  destroy(): void;
}

function run(UPlot: typeof uPlot, element: HTMLDivElement, options: PlotOptions): Running {
  const { series, span_ms, handle, zoom } = options;
  const data = () => {
    // What is held may be older than the span.
    const reach_ms = zoom.current === null ? span_ms : Math.max(span_ms, (samples.lastTime ?? Date.now()) - zoom.current.from);
    const [times, ...columns] = samples.columns(series.map((one) => one.field), reach_ms);
    return [times, ...(options.stacked === true ? stack(columns) : columns)] as uPlot.AlignedData;
  };
  const plot = new UPlot(settings(element, options), data(), element);
  // A zoomed chart holds still; the data behind it goes on.
  const show = () => {
    if (!useServerStore.getState().paused) plot.setData(data(), zoom.current === null);
    if (zoom.current === null) showSpan(plot, span_ms);
    else plot.setScale('x', { min: zoom.current.from / 1000, max: zoom.current.to / 1000 });
  };
  const feed = () => {
    if (!useServerStore.getState().paused) show();
  };
  show();
  handle.current = { show };
  const size = new ResizeObserver(() => {
    if (element.clientWidth > 0) plot.setSize({ width: element.clientWidth, height: element.clientHeight });
  });
  size.observe(element);
  const stops = [samples.subscribe(feed), useAlertStore.subscribe(() => plot.redraw(false)), useSettingsStore.subscribe(() => plot.redraw(false)), useServerStore.subscribe((now, before) => before.paused && !now.paused && feed())];
  return {
    destroy() {
      size.disconnect();
      for (const stop of stops) stop();
      handle.current = null;
      plot.destroy();
    },
  };
}

// The whole span is shown from the first second on, so that lines grow into a still frame.
function showSpan(plot: uPlot, span_ms: number): void {
  const end = (samples.lastTime ?? Date.now()) / 1000;
  plot.setScale('x', { min: end - span_ms / 1000, max: end });
}

// The others follow the chart that is dragged on; it alone says where to.
function holdSelection(plot: uPlot): void {
  const { left, width } = plot.select;
  if (width <= 8 || !plot.over.matches(':hover')) return;
  setZoom({ from: plot.posToVal(left, 'x') * 1000, to: plot.posToVal(left + width, 'x') * 1000 });
}

function settings(element: HTMLDivElement, options: PlotOptions): uPlot.Options {
  const { series, format, scale = 'linear', steps = 'decimal', least = 1, stacked = false } = options;
  // Asked once: with each drawing it would make the browser settle all styles.
  const apart_px = window.matchMedia('(pointer: coarse)').matches ? FLAG_COARSE_PX : FLAG_PX;
  const axis: uPlot.Axis = {
    stroke: () => cssColour('--text-muted'),
    font: '11px Inter, system-ui, sans-serif',
    grid: { stroke: () => withAlpha(cssColour('--border'), 0.55), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'page', setSeries: false }, points: { size: 7 }, drag: { x: true, y: false, dist: 8 }, bind: { dblclick: () => () => (setZoom(null), null) } },
    scales: {
      x: { time: true },
      y: scale === 'log' ? { distr: 3, log: 10, range: (_, low, high) => logRange(low, high) } : { range: (_, _low, high) => [0, upperEnd(high, least)] },
    },
    axes: [
      {
        ...axis,
        space: (_, _axis, _from, _to, width) => (width < 320 ? 44 : 72),
        values: (plot, times, _axis, _space, step) => times.map((time) => clockLabel(plot, time, step)),
        size: 22,
        gap: 6,
      },
      {
        ...axis,
        size: 68,
        gap: 8,
        space: 36,
        ...(scale === 'log' ? { filter: decades, grid: { ...axis.grid, filter: decades } } : { incrs: steps === 'bytes' ? BYTE_STEPS : DECIMAL_STEPS }),
        values: (_, values) => values.map((value) => (value === null ? '' : format(value))),
      },
    ],
    series: [
      {},
      ...series.map((one, at): uPlot.Series => ({
        label: one.label,
        stroke: () => seriesColour(one.tone),
        dash: stacked ? undefined : seriesDash(one.tone),
        width: stacked ? 1 : 1.5,
        points: { show: false },
        spanGaps: false,
        ...(at === 0 && scale === 'linear' ? { fill: () => withAlpha(seriesColour(one.tone), stacked ? 0.35 : 0.1) } : {}),
      })),
    ],
    // Between each line and the one below it.
    bands: stacked ? series.slice(1).map((one, at) => ({ series: [at + 2, at + 1], fill: () => withAlpha(seriesColour(one.tone), 0.35) })) : [],
    hooks: {
      drawAxes: [(plot) => drawMarks(plot, options, apart_px)],
      setCursor: [(plot) => drawTip(plot, options)],
      setSelect: [holdSelection],
    },
  };
}

// A line where something happened, below those of the series, and its flag above them.
function drawMarks(plot: uPlot, { flags }: PlotOptions, apart_px: number): void {
  const list = flags.current;
  if (list === null) return;
  const { left, top, width, height } = plot.bbox;
  const shown = flagsOf(marksOf(samples.snapshots(), useAlertStore.getState().alerts ?? [], changesOf(useConfigChangesStore.getState().changes, samples.changes())), (t_ms) => plot.valToPos(t_ms / 1000, 'x'), width / devicePixelRatio, apart_px);
  const { ctx } = plot;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const flag of shown) {
    const x = Math.round(left + flag.left_px * devicePixelRatio);
    ctx.strokeStyle = cssColour(flagColour(flag));
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
    ctx.stroke();
  }
  ctx.restore();
  showFlags(list, shown, left / devicePixelRatio, width / devicePixelRatio);
}

// Seconds only where lines stand closer than a minute; no label where the edge would cut it.
function clockLabel(plot: uPlot, time: number, step: number): string {
  const text = formatClock(time * 1000);
  const label = step >= 60 ? text.slice(0, 5) : text;
  const room = plot.bbox.width / devicePixelRatio - plot.valToPos(time, 'x');
  return room < label.length * 3.2 ? '' : label;
}

// Only whole powers of ten carry a label and a line.
function decades(_: uPlot, splits: number[]): (number | null)[] {
  return splits.map((split) => (Number.isInteger(Math.log10(split)) ? split : null));
}

function logRange(low: number | null, high: number | null): [number, number] {
  const bottom = 10 ** Math.floor(Math.log10(Math.max(low ?? 1, 0.1)));
  const top = 10 ** Math.ceil(Math.log10(Math.max(high ?? 10, bottom * 10)));
  return [bottom, top];
}

function withAlpha(colour: string, alpha: number): string {
  return `${colour}${Math.round(alpha * 255).toString(16).padStart(2, '0')}`;
}

// The value of a series, without those that it stands on.
function heightOf(plot: uPlot, index: number, at: number, stacked: boolean): number | null | undefined {
  const value = plot.data[index]?.[at];
  const below = stacked && index > 1 ? plot.data[index - 1]?.[at] : 0;
  return typeof value === 'number' && typeof below === 'number' ? value - below : value;
}

// All series in their fixed order, with the absolute time. Text nodes only.
function drawTip(plot: uPlot, { tip, series, format, stacked }: PlotOptions): void {
  const box = tip.current;
  if (box === null) return;
  const at = plot.cursor.idx;
  const left = plot.cursor.left ?? -1;
  const time = at === null || at === undefined ? undefined : plot.data[0][at];
  // Only the chart under the pointer shows its tooltip; the others show the crosshair.
  const hovered = plot.over.matches(':hover');
  if (time === undefined || left < 0 || at === null || at === undefined || !hovered) {
    box.classList.add('hidden');
    return;
  }
  const head = document.createElement('div');
  head.className = 'num mb-1 text-muted';
  head.textContent = formatClock(time * 1000);
  const rows = series.map((one, index) => {
    const row = document.createElement('div');
    row.className = 'flex justify-between gap-4';
    const label = document.createElement('span');
    label.textContent = one.label;
    label.className = 'text-dim';
    const value = document.createElement('span');
    value.className = 'num font-medium';
    value.textContent = format(heightOf(plot, index + 1, at, stacked === true));
    row.append(label, value);
    return row;
  });
  box.replaceChildren(head, ...rows);
  box.classList.remove('hidden');
  const offset = plot.over.offsetLeft;
  const wanted = offset + left + 14;
  const fits = wanted + box.offsetWidth < (plot.root.clientWidth || Infinity);
  box.style.transform = `translate(${Math.round(fits ? wanted : offset + left - box.offsetWidth - 14)}px, 8px)`;
}
