/** Lines of the tables. */

/** One line: a quantity of both suites, and what ours may be. */
export interface Row {
  readonly what: string;
  readonly unit: "" | "ms" | "KB" | "bytes";
  readonly ours: number;
  /** NaN where the reference has nothing to compare with. */
  readonly reference: number;
  /** 90 of 100 runs were at or below it; times only. */
  readonly oursP90?: number;
  readonly referenceP90?: number;
  readonly budget?: Budget;
}

/** The most that ours may be, given the reference's. */
export interface Budget {
  readonly text: string;
  readonly most: number;
}

/** How much to measure. */
export interface Effort {
  readonly rounds: number;
  /** No measurement of rounds takes longer by much. */
  readonly limitMs: number;
  /** Containers at once. */
  readonly crowd: number;
  /** How often the crowd comes and goes. */
  readonly crowds: number;
}

/** A budget that is a share of the reference's median. */
export function shareOf(theirs: readonly number[] | undefined, divisor: number): Budget {
  return { text: `1/${divisor} of theirs`, most: median(theirs) / divisor };
}

export function timeRow(
  what: string,
  mine: readonly number[] | undefined,
  theirs: readonly number[] | undefined,
  budget?: Budget,
): Row {
  return {
    what,
    unit: "ms",
    ours: median(mine),
    reference: median(theirs),
    oursP90: quantile(mine, 0.9),
    referenceP90: quantile(theirs, 0.9),
    budget,
  };
}

export function median(values: readonly number[] | undefined): number {
  return quantile(values, 0.5);
}

function quantile(values: readonly number[] = [], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

/** Rows as a table, readable in a terminal and as Markdown. */
export function table(rows: readonly Row[]): string {
  const lines = [["what", "ours", "reference", "less by", "budget", ""], ...rows.map(cells)];
  const widths = (lines[0] ?? []).map((_, at) =>
    Math.max(...lines.map((line) => line[at]?.length ?? 0)),
  );
  // Figures to the right, words to the left.
  const isFigure = (at: number) => at >= 1 && at <= 3;
  const rule = widths.map((width, at) => "-".repeat(width - 1) + (isFigure(at) ? ":" : "-"));
  const [head = [], ...body] = lines;
  return [head, rule, ...body]
    .map((line) => {
      const padded = widths.map((width, at) => {
        const text = line[at] ?? "";
        return isFigure(at) ? text.padStart(width) : text.padEnd(width);
      });
      return `| ${padded.join(" | ")} |`;
    })
    .join("\n");
}

function cells(row: Row): string[] {
  const { what, unit, budget } = row;
  const ratio = row.reference / row.ours;
  return [
    unit === "" ? what : `${what}, ${unit}`,
    figure(row.ours, row.oursP90, unit),
    figure(row.reference, row.referenceP90, unit),
    Number.isFinite(ratio) ? `${ratio.toFixed(1)} x` : "",
    budget?.text ?? "",
    budget === undefined ? "" : isMet(row) ? "met" : "MISSED",
  ];
}

/** Whether a row keeps to its budget; true where it has none. */
export function isMet({ ours, budget }: Row): boolean {
  return budget === undefined || ours <= budget.most;
}

function figure(value: number, p90: number | undefined, unit: Row["unit"]): string {
  if (Number.isNaN(value)) return "";
  const text = (n: number) => (unit === "ms" ? n.toFixed(2) : Math.round(n).toLocaleString("en"));
  return p90 === undefined ? text(value) : `${text(value)} (${text(p90)})`;
}
