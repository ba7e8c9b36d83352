/** bench: how long a network takes, one container after the other or many at once. */

import {
  type Command,
  commonFlags,
  flagValue,
  jsonFlag,
  type Session,
  timeoutFlag,
} from "./command.ts";
import { type CommandLine, UsageError } from "./flags.ts";
import { networkOf } from "./inputs.ts";
import { inParallel } from "./parallel.ts";
import { makeSandbox } from "./sandbox.ts";
import { printJson, printTable } from "./table.ts";
import { formatMs, type Step, throwAway, withDeletion } from "./try.ts";

const defaultRounds = 20;
/** Each is a process, and plugins beside it. */
const mostJobs = 1000;

export const bench: Command = {
  name: "bench",
  usage: "NETWORK",
  summary: "measures add and del of a network, one after the other or many at once",
  leastArgs: 1,
  flags: [
    ...commonFlags,
    { name: "rounds", value: "N", help: `how often, for each job; default: ${defaultRounds}` },
    { name: "jobs", short: "j", value: "N", help: "how many containers at once; default: 1" },
    jsonFlag,
    timeoutFlag,
  ],
  async run(line, session) {
    const list = await networkOf(line, session);
    const rounds = countOf(line, "rounds", defaultRounds, Number.MAX_SAFE_INTEGER);
    const jobs = countOf(line, "jobs", 1, mostJobs);
    const began = session.machine.monotonicMs();
    const measure = () => measureRounds({ list, line, session }, rounds);
    const steps =
      jobs === 1 ? await measure() : (await inParallel(jobs, measure, session.interruption)).flat();
    const seconds = (session.machine.monotonicMs() - began) / 1000;
    const rows = ["add", "del"].map((name) => distribution(name, steps as Step[]));
    const containers = jobs * rounds;
    const total = { jobs, containers, seconds, perSecond: containers / seconds };
    if (line.flags.has("json")) session.print(printJson({ ...total, steps: rows }));
    else session.print(showTimes(rows) + showTotal(total));
    return 0;
  },
};

interface Bench {
  readonly list: Awaited<ReturnType<typeof networkOf>>;
  readonly line: CommandLine;
  readonly session: Session;
}

async function measureRounds({ list, line, session }: Bench, rounds: number): Promise<Step[]> {
  const steps: Step[] = [];
  for (let round = 0; round < rounds; round++) {
    using sandbox = makeSandbox();
    const attachment = throwAway(line, session, sandbox);
    await withDeletion({ list, attachment, session, steps, line }, async () => {});
  }
  return steps;
}

function countOf(line: CommandLine, flag: string, usual: number, most: number): number {
  const text = flagValue(line, flag) ?? String(usual);
  const count = Number(text);
  if (Number.isInteger(count) && count > 0 && count <= most) return count;
  const range = most === Number.MAX_SAFE_INTEGER ? "above 0" : `from 1 to ${most}`;
  throw new UsageError(`invalid value "${text}" for --${flag}: expected a whole number ${range}`);
}

function distribution(step: string, steps: readonly Step[]) {
  const times = steps
    .filter((taken) => taken.step === step)
    .map(({ ms }) => ms)
    .sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor((times.length - 1) * share)] ?? 0;
  return { step, least: at(0), median: at(0.5), p90: at(0.9), most: at(1) };
}

function showTimes(rows: readonly ReturnType<typeof distribution>[]): string {
  const cells = rows.map(({ step, ...times }) => [step, ...Object.values(times).map(formatMs)]);
  return printTable(["STEP", "LEAST", "MEDIAN", "P90", "MOST"], cells);
}

function showTotal({ jobs, containers, seconds, perSecond }: Record<string, number>): string {
  const rate = `${perSecond?.toFixed(0)} a second`;
  return `${containers} containers in ${seconds?.toFixed(2)} s, ${rate}, ${jobs} at once\n`;
}
