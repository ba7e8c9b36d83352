/**
 * Builds the engine (engine/README.md) into dist/engine: `engine` with the JavaScript compiler and `runtime`, which is
 * what ships, without it. Linked statically against musl where musl-gcc is installed, else against glibc. Does nothing
 * when the same sources have been built before. With --arch arm64, into dist/engine/arm64, by a cross compiler.
 */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export interface Engine {
  /** Compiles scripts and runs them. */
  readonly path: string;
  /** Makes images of what has been compiled, and is in every executable. */
  readonly runtime: string;
  /** The C library it is linked against. */
  readonly libc: "musl" | "glibc";
  /** Goes before a command of the engine's: what runs it where it is for another architecture. */
  readonly emulator: readonly string[];
}

/** Built for by a cross compiler, run by an emulator; rustc's own architecture otherwise. */
export type Foreign = "arm64" | undefined;

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const crate = join(root, "engine");
const output = join(root, "dist/engine");

/** Builds it, or finds it built. */
export function buildEngine(arch?: Foreign): Engine {
  const rustc = run(rustCompiler, ["-vV"]);
  const compiler = arch === "arm64" ? crossCompiler : findCompiler(rustc);
  const { target } = compiler;
  const folder = join(output, arch ?? "");
  const engine: Engine = {
    path: join(folder, "engine"),
    runtime: join(folder, "runtime"),
    libc: compiler.libc,
    emulator: arch === "arm64" ? ["qemu-aarch64-static"] : [],
  };
  const stamp = join(folder, "engine.stamp");
  const wanted = fingerprint([rustc, compiler.libc, run(compiler.cc, ["--version"])]);
  if (readOrEmpty(stamp) === wanted && existsSync(engine.runtime)) return engine;

  compile(compiler);
  mkdirSync(folder, { recursive: true });
  for (const path of [engine.path, engine.runtime]) {
    // Renamed into place: another build may be reading the old one.
    const fresh = `${path}.${process.pid}`;
    copyFileSync(join(crate, "target", target, "release", basename(path)), fresh);
    renameSync(fresh, path);
  }
  writeFileSync(stamp, wanted);
  return engine;
}

interface Compiler {
  readonly cc: string;
  readonly libc: Engine["libc"];
  /** As rustc calls it. */
  readonly target: string;
}

const rustCompiler = process.env.RUSTC ?? "rustc";
const crossCompiler: Compiler = {
  cc: "aarch64-linux-gnu-gcc",
  libc: "glibc",
  target: "aarch64-unknown-linux-gnu",
};

function findCompiler(rustc: string): Compiler {
  const target = /^host: (.*)$/m.exec(rustc)?.[1];
  if (target === undefined) throw new Error(`cannot tell rustc's host from: ${rustc}`);
  try {
    run("musl-gcc", ["--version"]);
    return { cc: "musl-gcc", libc: "musl", target };
  } catch {
    return { cc: "gcc", libc: "glibc", target };
  }
}

/**
 * The crate is no_std, so rustc's own target serves for either C library; only the C files and the linking are the
 * compiler wrapper's. No path of this machine gets into the file.
 */
function compile({ cc, libc, target }: Compiler): void {
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), ".cargo");
  const sysroot = run(rustCompiler, ["--print", "sysroot"]).trim();
  const flags = [
    ...["linker=" + cc, "relocation-model=static", "target-feature=+crt-static"].flatMap(
      (option) => ["-C", option],
    ),
    ...Object.entries({ [crate]: "engine", [cargoHome]: "cargo", [sysroot]: "rust" }).map(
      ([from, to]) => `--remap-path-prefix=${from}=${to}`,
    ),
  ];
  const name = target.replaceAll("-", "_");
  const script = join(crate, "quickjs/cc.sh");
  const hash = createHash("sha256");
  for (const file of filesOf("quickjs")) hash.update(readFileSync(join(crate, file)));
  const environment = {
    ...process.env,
    ENGINE_LIBC: libc,
    ENGINE_CC: cc,
    CARGO_ENCODED_RUSTFLAGS: flags.join("\x1f"),
    [`CC_${name}`]: script,
    // The hash has cargo compile again when a change to QuickJS changes.
    [`CFLAGS_${name}`]: `${smallest(cc)} -fno-pic -fno-pie -fno-asynchronous-unwind-tables -fno-unwind-tables -DENGINE_CC=0x${hash.digest("hex").slice(0, 8)}`,
  };
  const options = ["--quiet", "--release", "--locked", "--target", target];
  if (!existsSync(join(sysroot, "lib/rustlib", target))) {
    // The target is not installed (rustup target add): from rustc's own sources, if those are.
    options.push("-Zbuild-std=core,alloc,compiler_builtins");
    Object.assign(environment, { RUSTC_BOOTSTRAP: "1" });
  }
  for (const bin of [["runtime"], ["engine", "--features", "compiler"]]) {
    execFileSync("cargo", ["build", ...options, "--bin", ...bin], {
      cwd: crate,
      env: environment,
      stdio: ["ignore", "inherit", "inherit"],
    });
  }
}

/** The option for the smallest code: gcc 12 and clang have one that goes further than -Os, at the same speed here. */
function smallest(cc: string): string {
  try {
    run(cc, ["-Oz", "-E", "-xc", "/dev/null"]);
    return "-Oz";
  } catch {
    return "-Os";
  }
}

/** What --arch asks for. */
export function foreignArch(argv: readonly string[]): Foreign {
  const at = argv.indexOf("--arch");
  const arch = at < 0 ? undefined : argv[at + 1];
  if (arch !== undefined && arch !== "arm64") throw new Error(`cannot build for "${arch}"`);
  return arch;
}

/** Of everything that makes the engine what it is. */
function fingerprint(tools: readonly string[]): string {
  const hash = createHash("sha256");
  const sources = [...filesOf("src"), ...filesOf("quickjs")];
  for (const name of ["Cargo.toml", "Cargo.lock", "build.rs", ...sources]) {
    hash.update(`\0${name}\0`).update(readFileSync(join(crate, name)));
  }
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  for (const tool of tools) hash.update(`\0${tool}`);
  return hash.digest("hex");
}

/** The files of a folder of the crate, by their names in the crate. */
function filesOf(folder: string): string[] {
  return readdirSync(join(crate, folder))
    .map((name) => join(folder, name))
    .sort();
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { path, runtime, libc } = buildEngine(foreignArch(process.argv));
  console.log(`${path}, ${runtime} (static ${libc})`);
}
