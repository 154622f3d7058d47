import { binLength } from './figures.js';

/** The load of a server under one policy: for each bin, the requests as a share of the capacity. */
export interface Curve {
  readonly name: string;
  readonly load: readonly number[];
}

const width = 760;
const height = 380;
const left = 56;
const right = 20;
const top = 84;
const bottom = 44;

/** The vertical axis: from a quarter of the capacity, in doublings. */
const least = 0.25;
const most = 64;

/** The horizontal axis ends after so many seconds. */
const longest = 360;

/** Draws the curves as an SVG that can be read in light and in dark. */
export function picture(curves: readonly Curve[]): string {
  const across = (seconds: number): number => left + (seconds / longest) * (width - left - right);
  const up = (load: number): number => {
    const share = Math.log2(Math.max(load, least) / least) / Math.log2(most / least);

    return top + (1 - share) * (height - top - bottom);
  };
  const ticks = [0.25, 0.5, 1, 2, 4, 8, 16, 32, 64].map(
    (load) =>
      `<line class="${load === 1 ? 'capacity' : 'grid'}" x1="${left}" x2="${width - right}" y1="${one(up(load))}" y2="${one(up(load))}"/>` +
      `<text x="${left - 8}" y="${one(up(load) + 4)}" text-anchor="end">${load} ×</text>`,
  );
  const times = Array.from({ length: longest / 60 + 1 }, (_, minute) => {
    return `<text x="${one(across(minute * 60))}" y="${height - bottom + 20}" text-anchor="middle">${minute} min</text>`;
  });
  const lines = curves.map(({ load }, place) => {
    const steps = load.slice(0, longest / binLength).map((value, bin) => {
      return `${one(across((bin + 0.5) * binLength))},${one(up(value))}`;
    });

    return `<polyline class="curve c${place}" points="${steps.join(' ')}"/>`;
  });
  const legend = curves.map(({ name }, place) => {
    const [x, y] = [left + (place % 2) * 330, 44 + Math.floor(place / 2) * 20];

    return `<line class="curve c${place}" x1="${x}" x2="${x + 28}" y1="${y}" y2="${y}"/><text x="${x + 36}" y="${y + 4}">${name}</text>`;
  });

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Requests a second that reach a server, over its capacity">`,
    `<style>${style}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    `<text class="title" x="${left}" y="22">Requests that reach the server, as a multiple of what it can answer</text>`,
    ...legend,
    ...ticks,
    ...times,
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}

const style =
  'text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.ground{fill:#fff}.grid{stroke:#d0d7de}' +
  '.capacity{stroke:#24292f;stroke-width:1.5;stroke-dasharray:5 4}.curve{fill:none;stroke-width:2.2;stroke-linejoin:round}' +
  '.c0{stroke:#a40e26;stroke-dasharray:2 3}.c1{stroke:#9a5b00;stroke-dasharray:8 4}.c2{stroke:#0550ae}.c3{stroke:#116329;stroke-width:3}' +
  '@media (prefers-color-scheme:dark){text{fill:#e6edf3}.ground{fill:#0d1117}.grid{stroke:#30363d}.capacity{stroke:#e6edf3}' +
  '.c0{stroke:#ff7b72}.c1{stroke:#e3b341}.c2{stroke:#79c0ff}.c3{stroke:#56d364}}';

function one(value: number): string {
  return value.toFixed(1);
}
