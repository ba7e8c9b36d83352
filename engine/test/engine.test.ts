/** The engine from outside: images made and started, what they can do, and how they fail. Run by Node. */

import assert from "node:assert/strict";
import { execFileSync, type SpawnSyncOptions, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { build } from "esbuild";
import { encodeLines } from "../../pkg/sys/source-lines.ts";
import { buildEngine } from "../../scripts/build-engine.ts";
import { lookUpBuiltIns } from "../../scripts/built-ins.ts";

const { path: engine, runtime } = buildEngine();
const folder = mkdtempSync(join(tmpdir(), "engine-test-"));
after(() => rmSync(folder, { recursive: true }));

/** Begins every program here: text to standard output. */
const prelude = `
  const nr = engine.arch === "x64" ? { write: 1, open: 257, getpid: 39, memfd: 319, truncate: 77, seek: 8 } : { write: 64, open: 56, getpid: 172, memfd: 279, truncate: 46, seek: 62 };
  const print = (value) => {
    const bytes = engine.utf8Encode((typeof value === "string" ? value : JSON.stringify(value)) + "\\n");
    return engine.syscall(nr.write, 1, bytes, bytes.length);
  };
`;

let count = 0;

function source(program: string): string {
  const path = join(folder, `program-${count++}.js`);
  writeFileSync(path, `(() => {${prelude}\n${program}\n})();`);
  return path;
}

function compile(input: string) {
  const path = input.replace(/js$/, "bytecode");
  return { path, ...spawnSync(engine, ["--compile", input, path], { encoding: "utf8" }) };
}

function tryImage(program: string, ...options: string[]) {
  const input = source(program);
  const path = input.replace(/js$/, "out");
  const bytecode = compile(input);
  if (bytecode.status !== 0) return { ...bytecode, path };
  const made = spawnSync(runtime, ["--image", bytecode.path, path, ...options], {
    encoding: "utf8",
  });
  return { path, ...made };
}

/** The image of a program whose main has this body; \`top\` runs at build time. */
function image(main: string, top = "", ...options: string[]): string {
  const { path, status, stderr } = tryImage(
    `${top}\nglobalThis.main = () => {${main}};`,
    ...options,
  );
  assert.equal(status, 0, stderr);
  return path;
}

function run(path: string, args: string[] = [], options: SpawnSyncOptions = {}) {
  const { status, signal, stdout, stderr } = spawnSync(path, args, {
    ...options,
    encoding: "utf8",
  });
  return { status, signal, stdout, stderr };
}

const fine = (stdout: string) => ({ status: 0, signal: null, stdout, stderr: "" });

test("a program starts with what its top level made", () => {
  const path = image(
    "print([...table, pattern.exec('eth12')[1], big * 2n + '', await_ ?? 0, engine.args().length]);",
    "const table = new Map([['a', 1]]); const pattern = /eth(\\d+)/; const big = 2n ** 70n; let await_; Promise.resolve(7).then((v) => { await_ = v; });",
  );
  assert.deepEqual(run(path, ["x"]), fine('[["a",1],"12","2361183241434822606848",7,2]\n'));
});

test("the same program gives the same bytes, whatever folder, environment and address layout", () => {
  const input = source("globalThis.main = () => print(new Map([[{}, 1]]).size);");
  const elsewhere = join(folder, "else", "where");
  mkdirSync(elsewhere, { recursive: true });
  const bytes = [0, 1, 2, 3].map((i) => {
    const out = join(i % 2 ? elsewhere : folder, `same-${i}`);
    const { path: bytecode } = compile(input);
    execFileSync(runtime, ["--image", bytecode, out, "--build", "00ff"], {
      cwd: i % 2 ? elsewhere : folder,
      env: { PADDING: "x".repeat(1000 * i), TZ: "Asia/Tokyo" },
    });
    return readFileSync(out);
  });
  for (const other of bytes) assert.ok(bytes[0]?.equals(other));
});

test("what the top level makes and drops takes no room", () => {
  const garbage = `
    let kept = []; for (let i = 0; i < 20_000; i++) kept.push({ i, text: "x" + i });
    new Uint8Array(3 << 20).fill(1); kept = kept.filter(({ i }) => i === 7);`;
  const [without, with_] = ["let kept = [{ i: 7, text: 'x7' }];", garbage].map((top) =>
    image("print(kept)", top),
  );
  assert.deepEqual(run(with_ ?? ""), fine('[{"i":7,"text":"x7"}]\n'));
  assert.ok(statSync(with_ ?? "").size - statSync(without ?? "").size < 16_384);
});

test("what the top level made can grow, shrink and go", () => {
  const path = image(
    `
    for (let i = 0; i < 3000; i++) {
      list.push(i); map.set("k" + i, [i]); object["p" + i] = i; text += "t"; large.push("y" + i);
    }
    for (let i = 0; i < 3000; i += 2) { map.delete("k" + i); delete object["p" + i]; }
    list.length = 10; many.length = 500; large = large.slice(-3); many = many.concat(many);
    print([list.length, map.size, Object.keys(object).length, text.length, large, many.length, many[700].n]);
    for (let i = 0; i < 500; i++) many[i] = { n: many[i].n, more: "z".repeat(i) };
    print([many[499].more.length, many[999].n, map.get("old").deep, new Uint8Array(bytes)[2047]]);`,
    `
    const list = [1, 2, 3]; const map = new Map([["old", { deep: "yes" }]]); const object = { a: 1, b: 2 };
    let text = "s".repeat(2031); let large = [...Array(2000).keys()].map((i) => "x" + i);
    let many = [...Array(1000).keys()].map((n) => ({ n })); const bytes = new Uint8Array(2048).fill(9).buffer;`,
  );
  const out = ['[10,1501,1502,5031,["y2997","y2998","y2999"],1000,200]', '[499,499,"yes",9]'];
  assert.deepEqual(run(path), fine(`${out.join("\n")}\n`));
});

test("the last 64 bytes name build, C library and architecture", () => {
  const bytes = readFileSync(image("print(engine.build)", "", "--build", "00ff"));
  const trailer = bytes.subarray(-64).toString("latin1");
  assert.match(trailer, /^tscni 1 00ff (musl|glibc) (x64|arm64) +\n$/);
  assert.deepEqual(run(image("print(engine.build)", "", "--build", "00ff")), fine("00ff\n"));
});

for (const [name, effect] of [
  ["call syscall", "engine.syscall(39)"],
  ["call args", "engine.args()"],
  ["call env", "engine.env()"],
  ["call Math.random", "Math.random()"],
  ["read the clock", "new Date()"],
  ["read the clock", "try { Date.now() } catch {}"],
]) {
  test(`a top level may not ${name}: ${effect}`, () => {
    const { status, stderr } = tryImage(`const early = () => {${effect}}; early();`);
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`cannot ${name} while the heap image is being built`));
    assert.match(stderr, /at early \(program-\d+\.js:\d+/);
  });
}

test("a build says what is wrong with its program", () => {
  assert.match(tryImage("const x = ;").stderr, /cannot compile: SyntaxError/);
  assert.match(tryImage("1;").stderr, /its top level sets no function globalThis.main/);
  assert.match(tryImage("Promise.reject(new Error('late'))").stderr, /heap image: Error: late/);
  assert.match(tryImage("null.x").stderr, /heap image: TypeError/);
});

test("an uncaught error prints its name, its message and the lines of the TypeScript", async () => {
  const entry = join(folder, "entry.ts");
  const lib = join(process.cwd(), "pkg/sys/source-lines.ts");
  writeFileSync(
    join(folder, "thrower.ts"),
    "type T = 1;\n\nexport function thrower(): T {\n  throw new RangeError('no');\n}\n",
  );
  writeFileSync(
    entry,
    `import { mapStack } from ${JSON.stringify(lib)};
    import { thrower } from "./thrower.ts";
    declare const engine: any;
    engine.mapStack = (stack: string) => mapStack(stack, engine.lines);
    (globalThis as any).main = () => thrower();`,
  );
  const out = join(folder, "mapped");
  await build({
    entryPoints: [entry],
    bundle: true,
    format: "iife",
    sourcemap: "external",
    outfile: `${out}.js`,
    logLevel: "error",
  });
  writeFileSync(`${out}.lines`, encodeLines(readFileSync(`${out}.js.map`, "utf8")));
  const { path: bytecode } = compile(`${out}.js`);
  execFileSync(runtime, ["--image", bytecode, out, "--lines", `${out}.lines`]);
  const { status, stderr } = run(out);
  assert.equal(status, 1);
  assert.match(
    stderr,
    /^RangeError: no\n {4}at thrower \(thrower\.ts:4\)\n {4}at .*\(entry\.ts:5\)\n/,
  );
});

test("promises run to their end; one rejected or never settled is an error", () => {
  assert.deepEqual(run(image("(async () => { await null; print('late'); })()")), fine("late\n"));
  assert.match(
    run(image("(async () => { await null; throw new Error('x'); })()")).stderr,
    /^Error: x\n/,
  );
  assert.deepEqual(run(image("Promise.reject(1).catch(() => print('caught'))")), fine("caught\n"));
  const hung = run(image("return new Promise(() => {})"));
  assert.match(hung.stderr, /waits for a promise that nothing can settle/);
  assert.equal(hung.status, 1);
});

test("syscall takes numbers, bigints, null, texts and arrays, and gives minus the errno", () => {
  const path = image(`
    print(engine.syscall(nr.getpid) > 0);
    print(engine.syscall(nr.open, -100, engine.utf8Encode("/none\\0"), 0));
    print(["/none", "/n" + "one", "/nön€😀"].map((text) => engine.syscall(nr.open, -100, text, 0)));
    print(["/\\0", "/\\ud800"].map((text) => engine.syscall(nr.open, -100, text, 0)));
    print(engine.syscall(nr.open, -100n, null, undefined, 0));
    const fd = engine.syscall(nr.memfd, engine.utf8Encode("m\\0"), 0);
    print([engine.syscall(nr.truncate, fd, -1), engine.syscall(nr.truncate, fd, 2 ** 40), engine.syscall(nr.seek, fd, 0, 2)]);
    const text = engine.utf8Encode("xxabyy\\n");
    engine.syscall(nr.write, 1, text.subarray(2, 4), 2);
    engine.syscall(nr.write, 1, new Uint16Array([0x6463, 0x0a65]), 4n);
    engine.syscall(nr.write, 1, engine.addressOf(text) + 4, 3);
    engine.syscall(nr.write, 1, BigInt(engine.addressOf(text)) + 4n, 3);
    for (const wrong of [1.5, {}, NaN, true, Symbol()]) {
      try { print(engine.syscall(nr.getpid, wrong)); } catch (error) { print(error.name); }
    }
  `);
  const errors = "TypeError\n".repeat(5);
  assert.deepEqual(
    run(path),
    fine(`true\n-2\n[-2,-2,-2]\n[-22,-22]\n-14\n[-22,0,1099511627776]\nabcde\nyy\nyy\n${errors}`),
  );
});

test("sha512 is Node's, whatever falls into the last block", () => {
  const lengths = [0, 1, 111, 112, 113, 127, 128, 129, 239, 240, 241, 256, 1000];
  const path = image(`
    for (const length of ${JSON.stringify(lengths)}) print(engine.sha512("a".repeat(length)));
    print(engine.sha512("né€😀"));
    try { engine.sha512(1); } catch (error) { print(error.name); }
  `);
  const texts = [...lengths.map((length) => "a".repeat(length)), "né€😀"];
  const digests = texts.map((text) => createHash("sha512").update(text).digest("hex"));
  assert.deepEqual(run(path), fine([...digests, "TypeError", ""].join("\n")));
});

test("text is encoded and decoded as the WHATWG says", () => {
  const samples = [
    [0x61, 0xff, 0x62],
    [0xe2, 0x82],
    [0xf0, 0x9f, 0x98, 0x80],
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x80, 0x80],
    [0xef, 0xbb, 0xbf, 0x31],
    [0, 0xc3, 0xa9],
  ];
  const texts = [
    "",
    "ascii",
    "é\u0000ü",
    "€",
    "😀",
    "\ud800",
    "a\udc00b\ud83d",
    "\ud83d\ude00\ud83d",
  ];
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const path = image(`
    print(${JSON.stringify(samples)}.map((bytes) => engine.utf8Decode(new Uint8Array(bytes))));
    print(${JSON.stringify(texts)}.map((text) => [...engine.utf8Encode(text)]));`);
  const [decoded, encoded] = run(path)
    .stdout.trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    decoded,
    samples.map((bytes) => decoder.decode(new Uint8Array(bytes))),
  );
  assert.deepEqual(
    encoded,
    texts.map((text) => [...new TextEncoder().encode(text)]),
  );
});

test("arguments, environment and exit code pass", () => {
  const path = image("print([engine.args().slice(1), engine.env()]); engine.exit(7);");
  const { stdout, status } = run(path, ["a b", "é"], { env: { A: "1", __proto__x: "=2" } });
  assert.equal(
    stdout,
    '[["a b","é"],{"__proto__x":"=2","A":"1"}]\n'.replace(
      '"__proto__x":"=2","A":"1"',
      stdout.includes('{"A"') ? '"A":"1","__proto__x":"=2"' : '"__proto__x":"=2","A":"1"',
    ),
  );
  assert.equal(status, 7);
});

test("clock and random numbers are those of the run", () => {
  const path = image("print([Date.now(), Math.random(), Math.random()])");
  const [first, second] = [0, 1].map(() => JSON.parse(run(path).stdout));
  assert.ok(Math.abs(first[0] - Date.now()) < 10_000);
  assert.equal(new Set([...first.slice(1), ...second.slice(1)]).size, 4);
});

const spawning = `
  const run = (argv, more) => {
    const result = engine.spawn({ path: argv[0], argv, env: { A: "é" }, stdin: new Uint8Array(0), deadlineMs: 0, cancelFd: -1, ...more });
    return { ...result, stdout: engine.utf8Decode(result.stdout), stderr: engine.utf8Decode(result.stderr) };
  };
  const shell = (text, more) => run(["/bin/sh", "-c", text], more);
  const brief = ({ error, status, signal, timedOut, cancelled, stdout, stderr }) =>
    [error, status, signal, timedOut, cancelled, stdout, stderr].join();`;

test("spawn feeds, gathers and reports", () => {
  const path = image(
    `
    print(brief(shell("echo $A $0; echo oops >&2; exit 3")));
    print(brief(run(["/none"])));
    print(brief(run(["/etc/passwd"])));
    print(brief(shell("kill -TERM $$")));
    const large = run(["/bin/cat"], { stdin: new Uint8Array(200_000).fill(97) });
    print([large.status, large.stdout.length]);
    print(brief(run(["/bin/true"], { stdin: new Uint8Array(200_000) })));
    try { run(["/bin/true", "a\\0b"]); } catch (error) { print(error.message); }`,
    spawning,
  );
  const out = [
    "0,3,0,false,false,é /bin/sh\n,oops\n",
    "2,-1,0,false,false,,",
    "13,-1,0,false,false,,",
    "0,-1,15,false,false,,",
    "[0,200000]",
    "0,0,0,false,false,,",
    "spawn takes no text with a NUL in it",
  ];
  assert.deepEqual(run(path), fine(`${out.join("\n")}\n`));
});

test("spawn hands over descriptors in place of pipes", () => {
  const path = image(
    'print(brief(shell("cat; echo $A; kill -TERM $$", { stdin: new Uint8Array(9), descriptors: [0, 1, 2] })))',
    spawning,
  );
  assert.deepEqual(run(path, [], { input: "fed\n" }), fine("fed\né\n0,-1,15,false,false,,\n"));
});

test("spawn fails where what goes to the child or comes from it gets lost", () => {
  const path = image('print(brief(shell("cat", { stdin: new Uint8Array(5).fill(97) })))', spawning);
  // The first read asks whether the child has started.
  for (const [call, error, number, ordinal] of [
    ["write", "ENOSPC", 28, 1],
    ["read", "EIO", 5, 2],
  ] as const) {
    const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:error=${error}:when=${ordinal}`];
    const { stdout } = spawnSync("strace", ["-qq", "-o", "/dev/null", ...inject, path], {
      encoding: "utf8",
    });
    assert.match(stdout, new RegExp(`^${number},`), call);
  }
});

test("spawn keeps a deadline, for the whole process group, also once output is closed", () => {
  const path = image(
    `
    print(brief(shell("echo a; sleep 60 & sleep 60", { deadlineMs: 200 })));
    print(brief(shell("exec >/dev/null 2>&1; sleep 60", { deadlineMs: 200 })));
    print(brief(shell("exec >&- 2>&-; sleep 0.2; exit 4", { deadlineMs: 5000 })));`,
    spawning,
  );
  const from = Date.now();
  const out = ["0,-1,9,true,false,a\n,", "0,-1,9,true,false,,", "0,4,0,false,false,,"];
  assert.deepEqual(run(path), fine(`${out.join("\n")}\n`));
  assert.ok(Date.now() - from < 3000);
});

test("spawn ends the child when the cancel descriptor is readable", () => {
  const path = image('print(brief(shell("sleep 60", { cancelFd: 0 })))', spawning);
  assert.deepEqual(run(path, [], { input: "x" }), fine("0,-1,9,false,true,,\n"));
});

test("a child gets default signals and no stray descriptors", () => {
  const path = image(
    "print(shell(\"ls /proc/self/fd | wc -l; grep -E 'SigBlk|SigIgn' /proc/self/status\").stdout)",
    spawning,
  );
  const fd = openSync("/dev/null", "r");
  const { stdout } = run(path, [], { stdio: ["ignore", "pipe", "pipe", fd, fd, fd] });
  closeSync(fd);
  assert.match(stdout, /^4\nSigBlk:\t0{16}\nSigIgn:\t0{16}\n/); // 0 to 2, and ls's own
});

test("endless recursion and deep nesting are exceptions", () => {
  const path = image(`
    const attempt = (action) => { try { action(); return "no error"; } catch (error) { return error.name; } };
    const deep = () => deep() + 1;
    print(attempt(deep));
    print(attempt(() => JSON.parse("[".repeat(1e6))));
    print(attempt(() => JSON.parse("[".repeat(1e6) + "]".repeat(1e6))));
    let nested = []; for (let i = 0; i < 1e6; i++) nested = [nested];
    print(attempt(() => JSON.stringify(nested)));
    print(attempt(() => new RegExp("(".repeat(1e6))));
    nested = null;
    print("alive");`);
  for (const stack of ["8192", "256", "100", "unlimited"]) {
    const { stdout, status } = run("/bin/sh", ["-c", `ulimit -s ${stack}; exec ${path}`]);
    assert.match(
      stdout,
      /^RangeError\n(SyntaxError|RangeError)\n(no error|RangeError|SyntaxError)\n.*\n.*\nalive\n$/,
      stack,
    );
    assert.equal(status, 0);
  }
  const uncaught = run(image("const deep = () => deep() + 1; deep();"));
  assert.match(uncaught.stderr, /^RangeError: Maximum call stack size exceeded\n {4}at deep/);
  assert.equal(uncaught.status, 1);
});

test("running out of memory is an exception, or one clear line", () => {
  const fill =
    "const all = []; for (;;) all.push(new Uint8Array(1 << 16), 'x'.repeat(999) + all.length, { a: 1 });";
  const limited = (path: string) => run("/bin/sh", ["-c", `ulimit -v 60000; exec ${path}`]);
  const caught = limited(
    image(`try { (() => { ${fill} })(); } catch (error) { print(error.message); }`),
  );
  assert.deepEqual(caught, fine("out of memory\n"));
  const chain = "let all = {}; for (;;) all = { all };";
  for (const program of [fill, chain]) {
    const { status, stderr } = limited(image(program));
    assert.equal(status, 1);
    assert.match(stderr, /^InternalError: out of memory\n/);
  }
});

test("printing JSON ends where the memory does, however much is left to print", () => {
  const path = image(`
    let it = { leaf: 1 };
    for (let level = 0; level < 60; level++) it = { it, other: it };
    try { JSON.stringify(it); } catch (error) { print(error.message); }`);
  const limited = run("/bin/sh", ["-c", `ulimit -v 30000; exec ${path}`], { timeout: 20_000 });
  assert.deepEqual(limited, fine("out of memory\n"));
});

test("large buffers come and go without the memory staying", () => {
  const path = image(`
    for (let i = 0; i < 200; i++) { const large = new Uint8Array(8 << 20); large[i] = 1; }
    let text = ""; for (let i = 0; i < 200_000; i++) text += "abcdefgh";
    const parsed = JSON.parse(JSON.stringify([text, text]));
    print([parsed[1].length, [...Array(100_000).keys()].map(String).sort()[5]]);`);
  const { stdout, status } = run("/bin/sh", ["-c", `ulimit -v 100000; exec ${path}`]);
  assert.deepEqual([stdout, status], ['[1600000,"10000"]\n', 0]);
});

test("blocks of all sizes keep their contents while others come, grow and go", () => {
  const path = image(`
    let seed = 1; const next = (n) => { seed = (seed * 48271) % 2147483647; return seed % n; };
    const held = [];
    for (let i = 0; i < 12_000; i++) {
      const at = next(200);
      const old = held[at];
      if (old && ([0, old.bytes.length >> 1, old.bytes.length - 1].some((i) => old.bytes.length && old.bytes[i] !== old.mark) || old.text.length !== old.size + 1)) throw new Error("lost at " + i);
      const size = next(9) === 0 ? next(400_000) : next(9000);
      const mark = next(256);
      held[at] = { mark, size, bytes: new Uint8Array(size >> next(5)).fill(mark), text: "x".repeat(size) + "y" };
      if (next(50) === 0) held[at].text = held[at].text.slice(1) + "z";
    }
    print("kept");`);
  assert.deepEqual(run(path), fine("kept\n"));
});

test("work done again and again takes no more memory", () => {
  const path = image(`
    for (let i = 0; i < 40; i++) {
      const items = [...Array(20_000).keys()].map((i) => ({ i, s: "x" + i }));
      if (JSON.parse(JSON.stringify(items))[5].s !== "x5") throw new Error("lost");
    }
    print("steady");`);
  assert.deepEqual(run("/bin/sh", ["-c", `ulimit -v 16000; exec ${path}`]), fine("steady\n"));
});

test("garbage cycles are collected once the threshold is low", () => {
  const path = image(`
    engine.gcThreshold(1 << 20);
    for (let i = 0; i < 300_000; i++) { const a = { text: "x" + i }; a.self = a; }
    print("done");`);
  assert.deepEqual(run("/bin/sh", ["-c", `ulimit -v 30000; exec ${path}`]), fine("done\n"));
});

test("new names take places that lie side by side, wherever others were given up while the image was made", () => {
  const path = image(
    `
    const usage = new Uint8Array(144); // struct rusage; ru_minflt at 64
    const faults = () => {
      engine.syscall(engine.arch === "x64" ? 98 : 165, 0, usage);
      return new DataView(usage.buffer).getUint32(64, true);
    };
    const added = {};
    faults();
    const before = faults();
    for (const name of names) added[name] = 1;
    print([Object.keys(added).length, faults() - before]);`,
    `const names = Array.from({ length: 40 }, (_, i) => "name" + i);
     globalThis.kept = {};
     for (let i = 0; i < 4000; i++) kept["kept" + i] = 1;
     // By turns all over the table, whose places are taken again in the opposite order.
     for (let start = 0; start < 400; start++) {
       for (let i = start; i < 4000; i += 500) delete kept["kept" + i];
     }`,
  );
  const [added, faults] = JSON.parse(run(path).stdout);
  assert.equal(added, 40);
  assert.ok(faults < 16, `${faults} faults for ${added} names`); // 19 where they lie scattered
});

test("a program copies few pages of its image, whatever it looks at, and however many names and shapes it adds", () => {
  const path = image(
    `
    const usage = new Uint8Array(144); // struct rusage; ru_minflt at 64
    engine.syscall(engine.arch === "x64" ? 98 : 165, 0, usage);
    const before = new DataView(usage.buffer).getUint32(64, true);
    let sum = 0;
    for (const item of items) sum += item.number() + item.list.length + item.name.length;
    const added = names.map((name) => ({ __proto__: { name }, [name]: name }));
    engine.syscall(engine.arch === "x64" ? 98 : 165, 0, usage);
    print([sum, added.length, new DataView(usage.buffer).getUint32(64, true) - before]);`,
    `const items = Array.from({ length: 20_000 }, (_, i) => ({ name: "x" + i, list: [i], number: () => i }));
     const names = Array.from({ length: 100 }, (_, i) => "name" + i);`,
  );
  const [sum, added, faults] = JSON.parse(run(path).stdout);
  assert.deepEqual([sum, added], [200_118_890, 100]);
  // What is only read is mapped 16 pages at once; what is written to is copied, a fault a page.
  const pages = statSync(path).size / 4096;
  assert.ok(faults < pages / 8, `${faults} faults for an executable of ${pages} pages`);
});

interface Block {
  number: number;
  address: number;
  size: number;
  line: number;
  kind: string;
  text: string;
}

function blocksIn(file: string): Block[] {
  const rows = readFileSync(file, "utf8").trimEnd().split("\n");
  return rows.map((row) => {
    const [number, address, size, line, kind = "", text = ""] = row.split(" ");
    return {
      kind,
      text,
      number: Number(number),
      address: Number(address),
      size: Number(size),
      line: Number(line),
    };
  });
}

test("--blocks tells of each block where it is, and what it is or which functions made it", () => {
  const file = join(folder, "named.blocks");
  const top = `const kept = []; const text = "some text";
    function fill(count) { for (let i = 0; i < count; i++) kept.push({ i, text }); }
    function twice(count) { fill(count); fill(count); }
    twice(50); Object.assign(globalThis, { kept, fill });`;
  image("print(kept.length);", top, "--blocks", file);
  const blocks = blocksIn(file);
  const named = (kind: string, text: string) =>
    blocks.filter((block) => block.kind === kind && block.text === text);
  assert.equal(named("name", "fill").length, 1);
  assert.equal(named("function", "fill").length, 1);
  const [code] = named("code", "fill");
  const [lines] = named("lines", "fill");
  assert.ok(code && lines && code.line === lines.line && code.line > 0);
  const made = named("in", "fill/twice//");
  assert.ok(made.length >= 100, `${made.length} blocks made in fill()`);
  assert.ok(
    made.every(({ line }) => line === code.line + 2),
    "where twice() is called",
  );
  for (const [index, { address, size }] of blocks.entries()) {
    const next = blocks[index + 1];
    assert.ok(next === undefined || next.address >= address + size, "one behind the other");
  }
});

test("--front has blocks begin the image in the given order, and the program do the same", () => {
  const [plain, moved, list] = ["plain.blocks", "moved.blocks", "front"].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const top = `const items = Array.from({ length: 500 }, (_, i) => ({ name: "x" + i, run: () => i }));`;
  const main = `print(items.map(({ name, run }) => name + run()).join()); items.length = 3; print(items);`;
  const expected = run(image(main, top, "--blocks", plain));
  assert.equal(expected.status, 0);
  const numbers = blocksIn(plain).map(({ number }) => number);
  // Also what is no block, and what is named twice.
  const wanted = [...numbers.filter((_, index) => index % 3 === 1).reverse(), 1e9, numbers[5]];
  writeFileSync(list, wanted.join("\n"));
  assert.deepEqual(run(image(main, top, "--front", list, "--blocks", moved)), expected);
  const byAddress = blocksIn(moved).sort((one, other) => one.address - other.address);
  const front = byAddress.slice(0, wanted.length - 1).map(({ number }) => number);
  assert.deepEqual(front, [numbers[0], ...wanted.slice(0, -2)], "the runtime, then those");
  assert.deepEqual(new Set(byAddress.map(({ number }) => number)), new Set(numbers));

  writeFileSync(list, "1\ntwo\n");
  const { status, stderr } = tryImage("globalThis.main = () => {};", "--front", list);
  assert.deepEqual([status, stderr], [1, "cannot use the number two\n"]);
});

test("--ahead has so many blocks of the front fetched ahead, and the program do the same", () => {
  const [blocks, list] = ["ahead.blocks", "ahead.front"].map((name) => join(folder, name)) as [
    string,
    string,
  ];
  const top = `const items = Array.from({ length: 20000 }, (_, i) => ({ name: "x" + i }));`;
  const main = `engine.fetchAhead(); print(items[7].name + items.length);`;
  const expected = run(image(main, top, "--blocks", blocks));
  assert.equal(expected.stdout, "x720000\n");
  const numbers = blocksIn(blocks).map(({ number }) => number);
  writeFileSync(list, numbers.slice(1).join("\n"));
  const end = (count: number) => {
    const made = image(main, top, "--front", list, "--ahead", `${count}`, "--blocks", blocks);
    assert.deepEqual(run(made), expected);
    return endOfAhead(made);
  };
  const after3 = end(3);
  const byNumber = new Map(blocksIn(blocks).map((block) => [block.number, block]));
  const third = byNumber.get(numbers[3] ?? 0);
  assert.equal(after3, (third?.address ?? 0) + (third?.size ?? 0));
  assert.equal(end(numbers.length), 0x8_0000_0000 + (384 << 10), "not more than that");
  const { status, stderr } = tryImage("globalThis.main = () => {};", "--ahead", "some");
  assert.deepEqual([status, stderr], [1, "cannot use the number some\n"]);
});

/** Header.ahead of src/image.rs, out of the segment that is the image. */
function endOfAhead(path: string): number {
  const file = readFileSync(path);
  const segments = Number(file.readBigUInt64LE(32));
  for (let at = segments; at < segments + 56 * file.readUInt16LE(56); at += 56) {
    if (file.readBigUInt64LE(at + 16) !== 0x8_0000_0000n) continue;
    return Number(file.readBigUInt64LE(Number(file.readBigUInt64LE(at + 8)) + 40));
  }
  throw new Error(`${path} has no image`);
}

test("methods that are looked up while the image is made cost no faults later", () => {
  const main = `
    const usage = new Uint8Array(144);
    engine.syscall(engine.arch === "x64" ? 98 : 165, 0, usage);
    const before = new DataView(usage.buffer).getUint32(64, true);
    const text = [3, 1, 2].slice(1).concat([9]).sort().map(String).join("-").replace("-", "+").padStart(9);
    const map = new Map(Object.entries({ a: 1 })); map.set("b", Number.isInteger(2)); map.delete("a");
    const ends = [text.trim().split("-").includes("9"), new Set([1]).has(1), JSON.stringify([...map]), Math.max(1, 2)];
    engine.syscall(engine.arch === "x64" ? 98 : 165, 0, usage);
    print([ends, new DataView(usage.buffer).getUint32(64, true) - before]);`;
  const expected = [true, true, '[["b",true]]', 2];
  const [late, early] = ["", lookUpBuiltIns(main)].map((top) => {
    const [ends, faults] = JSON.parse(run(image(main, top)).stdout);
    assert.deepEqual(ends, expected);
    return faults;
  });
  assert.ok(early < late, `${early} faults, and ${late} without looking up`);
});

test("what the image holds stays, however often it is referred to, and through collections", () => {
  const path = image(
    `
    engine.gcThreshold(1 << 20);
    for (let i = 0; i < 400_000; i++) {
      const cycle = { shared, list: [shared, shared], call: () => shared };
      cycle.self = cycle;
      shared.last = cycle; // of the image, and refers to garbage
      if (i % 1000 === 0) { shared[text + (i % 5)] = text + i; delete shared[text + ((i + 1) % 5)]; }
    }
    print([shared.nested.deep, shared.last.list[1] === shared, Object.keys(shared).length > 2]);`,
    'const text = "key"; const shared = { nested: { deep: "kept" } };',
  );
  const limited = run("/bin/sh", ["-c", `ulimit -v 30000; exec ${path}`]);
  assert.deepEqual(limited, fine('["kept",true,true]\n'));
});

test("what the image holds can be copied by a spread, and stays as it was", () => {
  const path = image(
    `
    engine.gcThreshold(20_000);
    const copies = [];
    for (let i = 0; i < 20_000; i++) {
      const copy = { ...base, extra: i };
      const { name, ...rest } = copy;
      const other = { ...frozen, ...bare, ...holed, self: copy };
      copy.self = other;
      copy.name = "changed"; rest.deep = { ...base.deep, y: i }; other.a = i;
      if (i % 5_000 === 0) copies.push([copy.name, rest.extra, rest.deep.y, Object.keys(other).join(), { ...wide, w1: i }.w1]);
    }
    print([copies, base, frozen, Object.keys(bare), holed, Object.values(wide).reduce((sum, value) => sum + value)]);`,
    `const base = { name: "base", list: [1], deep: { x: 1 } };
     const frozen = Object.freeze({ a: 1 }), bare = Object.assign(Object.create(null), { b: 2 });
     const holed = { c: 1, d: 2, e: 3 }; delete holed.d;
     const wide = Object.fromEntries(Array.from({ length: 40 }, (_, i) => ["w" + i, i]));`,
  );
  const copy = (i: number) => ["changed", i, i, "a,b,c,e,self", i];
  const kept = [{ name: "base", list: [1], deep: { x: 1 } }, { a: 1 }, ["b"], { c: 1, e: 3 }, 780];
  const expected = [[0, 5_000, 10_000, 15_000].map(copy), ...kept];
  const limited = run("/bin/sh", ["-c", `ulimit -v 30000; exec ${path}`]);
  assert.deepEqual(limited, fine(`${JSON.stringify(expected)}\n`));
});

test("what is not declared yet when a block ends is not disposed of", () => {
  const path = image(`
    const out = [];
    const open = (name) => ({ [Symbol.dispose]: () => out.push("close " + name) });
    for (let i = 0; i < 3; i++) {
      if (i === 1) continue;
      using a = open("a" + i);
      out.push("in " + i);
    }
    for (let i = 0; i < 3; i++) {
      try {
        using b = open("b" + i);
        if (i === 1) throw "thrown";
        using c = open("c" + i);
      } catch (error) { out.push(error); }
    }
    const leave = (early) => { if (early) return "early"; using d = open("d"); return "late"; };
    out.push(leave(true), leave(false), leave(true));
    print(out.join());`);
  const loops = "in 0,close a0,in 2,close a2,close c0,close b0,close b1,thrown,close c2,close b2";
  assert.deepEqual(run(path), fine(`${loops},close d,early,late,early\n`));
});

test("closed standard descriptors are not taken by what is opened later", () => {
  const path = image(
    'const fd = engine.syscall(nr.open, -100, engine.utf8Encode("/etc/hostname\\0"), 0); engine.exit(fd);',
  );
  assert.equal(run("/bin/sh", ["-c", `exec ${path} <&- >&- 2>&-`]).status, 3);
  const writes = image("engine.exit(-engine.syscall(nr.write, 1, new Uint8Array(1), 1))");
  assert.equal(run("/bin/sh", ["-c", `exec ${writes} >&-`]).status, 9); // EBADF, not success
});

test("a reader that went away is an errno, not a death", () => {
  const path = image("let n = 0; while ((n = print('x'.repeat(9999))) > 0); engine.exit(-n);");
  assert.equal(run("/bin/bash", ["-c", `${path} | true; exit \${PIPESTATUS[0]}`]).status, 32);
});

test("200 starts at once", async () => {
  const path = image(
    "print(table.get(999) + new Date(0).toISOString())",
    "const table = new Map([...Array(1000).keys()].map((i) => [i, 'v' + i]));",
  );
  const outputs = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const child = spawn(path);
      const chunks: Buffer[] = [];
      child.stdout.on("data", (chunk) => chunks.push(chunk));
      await new Promise((resolve) => child.on("close", resolve));
      return Buffer.concat(chunks).toString();
    }),
  );
  assert.deepEqual([...new Set(outputs)], ["v9991970-01-01T00:00:00.000Z\n"]);
});

test("an image that does not belong to the engine is refused", () => {
  const path = image("print('ran')");
  const bytes = readFileSync(path);
  const header = bytes.length - 64 - imageSize(bytes);
  bytes[header] = (bytes[header] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const { status, stdout, stderr } = run(path);
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /^cannot start: engine and heap image do not match: the file is damaged\n$/);
});

test("a file cut short is ended by the kernel before it does anything", () => {
  const path = image("print('ran')");
  truncateSync(path, statSync(path).size - 64 - imageSize(readFileSync(path)));
  const cut = run(path);
  assert.equal(cut.stdout, "");
  assert.ok(cut.signal === "SIGBUS" || cut.signal === "SIGSEGV", String(cut.signal));
});

test("a program runs without /proc, without files, and under a changed layout", {
  skip: process.getuid?.() !== 0,
}, () => {
  const root = join(folder, "root");
  mkdirSync(root);
  const path = image("print('ran')");
  writeFileSync(join(root, "program"), readFileSync(path), { mode: 0o755 });
  assert.deepEqual(run("chroot", [root, "/program"]), fine("ran\n"));
  for (const flag of ["-R", "-L", "-3"])
    assert.deepEqual(run("setarch", [flag, path]), fine("ran\n"), flag);
});

test("the functions that plugins come through lie side by side", () => {
  const { stdout } = run("readelf", ["-SW", runtime]);
  const size = / \.text\.used +PROGBITS +\S+ \S+ (\S+)/.exec(stdout)?.[1] ?? "0";
  assert.ok(Number.parseInt(size, 16) > 200_000, `0x${size} bytes of them`);
});

test("a start is a handful of system calls", { skip: run("strace", ["-V"]).status !== 0 }, () => {
  const { stderr } = run("strace", ["-qq", image("")]);
  const calls = stderr
    .trim()
    .split("\n")
    .map((line) => line.replace(/\(.*/, ""));
  console.log(`# system calls at start: ${calls.join(" ")}`);
  assert.ok(calls.length <= 8, calls.join(" "));
});

test("a source file runs without an image, effects at top level allowed", () => {
  const path = source(
    "print(engine.args().slice(1)); globalThis.main = () => print(eval('1 + 1'));",
  );
  assert.deepEqual(run(engine, ["--run", path, "a"]), fine('["a"]\n2\n'));
  assert.match(run(engine, ["--run", "/none.js"]).stderr, /cannot read \/none.js/);
});

test("an executable holds no compiler", () => {
  const attempts = ["eval('1')", "new Function('1')()", "(0, eval)('1')"];
  const path = image(
    attempts.map((code) => `try { print(${code}); } catch (error) { print(error.name); }`).join(""),
  );
  assert.doesNotMatch(run(path).stdout, /^1$/m);
  assert.deepEqual(run(image("print('a1b'.replace(new RegExp('[0-9]'), '-'))")), fine("a-b\n"));
  assert.equal(run(runtime, ["--run", source("")]).status, 2);
  assert.ok(statSync(runtime).size < statSync(engine).size - 50_000);
});

const BASE = 0x8_0000_0000;

function findHeader(bytes: Buffer, wanted: (type: number, address: number) => boolean): number {
  const table = Number(bytes.readBigUInt64LE(32));
  for (let i = 0; i < bytes.readUInt16LE(56); i++) {
    const at = table + 56 * i;
    if (wanted(bytes.readUInt32LE(at), Number(bytes.readBigUInt64LE(at + 16)))) return at;
  }
  throw new Error("no such program header");
}

function imageSize(bytes: Buffer): number {
  return Number(bytes.readBigUInt64LE(findHeader(bytes, (_, address) => address === BASE) + 32));
}
