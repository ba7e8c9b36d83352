/**
 * Builds the suite into dist/bin: one standalone executable per plugin, or with --multicall one file for all of
 * them with a hard link per name. Each is the engine's runtime with the plugin's heap image (engine/README.md). cnitool
 * is an executable of its own. Brings schema/ up to date on the way.
 *
 * With --plugin FILE-OR-FOLDER it builds a plugin that is kept elsewhere, and nothing else (docs/authoring.md).
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { build } from "esbuild";
import { encodeLines, readSources } from "../pkg/sys/source-lines.ts";
import { buildEngine, type Engine, foreignArch } from "./build-engine.ts";
import { writeSchemas } from "./build-schema.ts";
import { lookUpBuiltIns } from "./built-ins.ts";
import { frontOf, listedOf, readBlocks } from "./image/blocks.ts";
import { headOf, readNames } from "./image/list.ts";
import { seldomTitle } from "./image/sort.ts";
import { withPlainFields } from "./plain-fields.ts";
import { withPlainPatterns } from "./plain-patterns.ts";
import { plainSource } from "./plain-source.ts";
import { type Executable, findPlugin, findSuite } from "./suite.ts";
import { readVersion, versionBeside } from "./version.ts";

const root = resolve(import.meta.dirname, "..");
/** npm runs this in the project's root; what was typed is relative to where it was typed. */
const typedIn = process.env.INIT_CWD ?? process.cwd();
const foreign = pathGiven("--plugin");
const arch = foreignArch(process.argv);
/** Where the executables go: dist/bin, dist beside somebody else's plugin, or with --out another folder. */
const output =
  pathGiven("--out") ??
  (foreign
    ? join(folderOf(foreign), "dist")
    : join(root, arch === undefined ? "dist/bin" : `dist/${arch}`));
const bundles = join(root, "dist/bundles");
const plain = plainSource(root, withPlainFields, withPlainPatterns);

function pathGiven(flag: string): string | undefined {
  const at = process.argv.indexOf(flag);
  const path = at < 0 ? undefined : process.argv[at + 1];
  return path === undefined ? undefined : resolve(typedIn, path);
}

function folderOf(path: string): string {
  return statSync(path).isDirectory() ? path : dirname(path);
}

/** A program ready to be made into an image. */
interface Bundle {
  readonly name: string;
  readonly code: string;
  /** Bundle line to source line, for stack traces. */
  readonly lines: string;
  /** The source of each of the bundle's lines. */
  readonly sources: readonly (string | undefined)[];
}

/** Makes stacks of uncaught errors tell the lines of the sources (pkg/sys/source-lines.ts). */
const stackMapping = [
  `import { mapStack } from "./pkg/sys/source-lines.ts";`,
  `engine.mapStack = (stack) => mapStack(stack, engine.lines);`,
];

/** The program of one executable: its plugin, and the IPAM plugins it may call in process. */
function entryOf(plugin: Executable, suite: readonly Executable[], version: string): string {
  const builtIn = plugin.isIpam ? [] : suite.filter(({ isBuiltIn }) => isBuiltIn);
  const options = `{ builtIn: [${builtIn.map(({ exportName }) => exportName)}], version: "${version}" }`;
  return [
    ...stackMapping,
    `import { runPlugin } from "./pkg/skel/run.ts";`,
    ...[plugin, ...builtIn].map(importOf),
    `globalThis.main = () => runPlugin(${plugin.plugin}, ${options});`,
  ].join("\n");
}

function multicallEntry(suite: readonly Executable[], version: string): string {
  return [
    ...stackMapping,
    `import { runMulticall } from "./pkg/skel/run.ts";`,
    ...new Set(suite.map(importOf)),
    `const byName = { ${suite.map(({ name, plugin }) => `"${name}": ${plugin}`)} };`,
    `const builtIn = [${suite.filter(({ isBuiltIn }) => isBuiltIn).map(({ exportName }) => exportName)}];`,
    `globalThis.main = () => runMulticall(byName, builtIn, "${version}");`,
  ].join("\n");
}

/** cnitool is no plugin; it holds the schemas to validate configurations with. */
function cnitoolEntry(): string {
  const names = readdirSync(join(root, "schema")).filter((name) => name.endsWith(".json"));
  const imports = names.map((name, index) => `import schema${index} from "./schema/${name}";`);
  const schemas = names.map((name, index) => `"${name}": schema${index}`);
  return [
    ...stackMapping,
    `import { runCnitool } from "./cnitool/main.ts";`,
    ...imports,
    `globalThis.main = () => runCnitool({ ${schemas.join(", ")} });`,
  ].join("\n");
}

function importOf({ exportName, file }: Executable): string {
  return `import { ${exportName} } from "${resolve(root, file)}";`;
}

async function bundle(name: string, entry: string): Promise<Bundle> {
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: root, sourcefile: `${name}.entry.ts`, loader: "ts" },
    bundle: true,
    write: false,
    outdir: bundles,
    format: "iife",
    target: "es2023",
    supported: { using: true },
    conditions: ["engine"],
    // A plugin from elsewhere takes both from here: one library, not two.
    alias: { tscni: root, valibot: join(root, "node_modules/valibot") },
    plugins: [plain],
    treeShaking: true,
    sourcemap: "external",
    charset: "utf8",
    logLevel: "warning",
  });
  const map = outputFiles.find(({ path }) => path.endsWith(".map"));
  const code = outputFiles.find(({ path }) => path.endsWith(".js"));
  if (map === undefined || code === undefined) throw new Error(`esbuild made no bundle of ${name}`);
  return {
    name,
    code: code.text + lookUpBuiltIns(code.text),
    lines: encodeLines(map.text),
    sources: readSources(map.text),
  };
}

/** One id for all executables of a build, so that they recognise each other. */
function buildIdOf(programs: readonly Bundle[], { runtime }: Engine): string {
  const hash = createHash("sha256").update(readFileSync(runtime));
  for (const { name, code } of programs) hash.update(`\0${name}\0${code}`);
  return hash.digest("hex").slice(0, 16);
}

/** What plugins touch of an image, by name: see scripts/image/trace.ts. */
const hotList = readFileSync(join(root, "scripts/image/hot.txt"), "utf8");
const hot = readNames(hotList);
const hottest = readNames(headOf(hotList, seldomTitle));

function makeImage(
  { name, code, lines, sources }: Bundle,
  engine: Engine,
  buildId: string,
): string {
  const source = join(bundles, `${name}.js`);
  const bytecode = join(bundles, `${name}.bytecode`);
  const table = join(bundles, `${name}.lines`);
  const blocks = join(bundles, `${name}.blocks`);
  const order = join(bundles, `${name}.order`);
  const executable = join(output, name);
  const fresh = `${executable}.new`;
  writeFileSync(source, code);
  writeFileSync(table, lines);
  writeFileSync(join(bundles, `${name}.sources`), sources.join("\n"));
  const run = (...command: string[]) => {
    const [program = "", ...args] = [...engine.emulator, ...command];
    execFileSync(program, args, { stdio: ["ignore", "inherit", "inherit"] });
  };
  run(engine.path, "--compile", source, bytecode);
  const make = [engine.runtime, "--image", bytecode, fresh, "--build", buildId, "--lines", table];
  run(...make, "--blocks", blocks);
  const known = readBlocks(readFileSync(blocks, "utf8"), sources);
  writeFileSync(order, frontOf(hot, known).join("\n"));
  const ahead = `${listedOf(hottest, known).length}`;
  run(...make, "--blocks", blocks, "--front", order, "--ahead", ahead);
  // Renamed into place: one that is running keeps its file, one that starts finds it whole.
  renameSync(fresh, executable);
  return executable;
}

function report(paths: readonly string[]): void {
  for (const path of paths) {
    const shown = foreign === undefined ? relative(root, path) : path;
    console.log(`${shown.padEnd(28)} ${statSync(path).size} bytes`);
  }
}

/** One plugin, kept elsewhere. It finds its IPAM plugins where CNI_PATH says. */
async function buildForeign(path: string): Promise<void> {
  const engine = buildEngine(arch);
  const plugin = findPlugin(path);
  const entry = entryOf(plugin, [], versionBeside(plugin.file));
  const program = await bundle(plugin.name, entry);
  mkdirSync(output, { recursive: true });
  mkdirSync(bundles, { recursive: true });
  report([makeImage(program, engine, buildIdOf([program], engine))]);
}

async function main(): Promise<void> {
  const multicall = process.argv.includes("--multicall");
  const suite = findSuite(root);
  const version = readVersion(root);
  const schemas = await writeSchemas();
  if (schemas.length > 0) console.log(`schema: ${schemas.join(", ")}`);
  const engine = buildEngine(arch);
  const programs = await Promise.all(
    suite.map((plugin) => bundle(plugin.name, entryOf(plugin, suite, version))),
  );
  const cnitool = await bundle("cnitool", cnitoolEntry());
  // Both forms carry the same id: a multicall file and standalone ones of one build know each other.
  const buildId = buildIdOf(programs, engine);
  mkdirSync(output, { recursive: true });
  mkdirSync(bundles, { recursive: true });
  if (multicall) {
    const file = makeImage(await bundle("tscni", multicallEntry(suite, version)), engine, buildId);
    for (const { name } of suite) {
      const fresh = join(output, `${name}.new`);
      rmSync(fresh, { force: true });
      linkSync(file, fresh);
      renameSync(fresh, join(output, name));
    }
    report([file, makeImage(cnitool, engine, buildId)]);
  } else {
    report([...programs, cnitool].map((program) => makeImage(program, engine, buildId)));
  }
  console.log(`tscni ${version}, build ${buildId}, static ${engine.libc}`);
}

await (foreign === undefined ? main() : buildForeign(foreign));
