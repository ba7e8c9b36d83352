import assert from "node:assert/strict";
import test from "node:test";
import { decodeJson, goJson } from "./json.ts";

/** The words of Go's json.Unmarshal for each broken text. */
const broken: readonly [text: string, message: string][] = [
  ["", "unexpected end of JSON input"],
  [" ", "unexpected end of JSON input"],
  ["{", "unexpected end of JSON input"],
  ["[", "unexpected end of JSON input"],
  ["}", "invalid character '}' looking for beginning of value"],
  ["]", "invalid character ']' looking for beginning of value"],
  [",", "invalid character ',' looking for beginning of value"],
  [":", "invalid character ':' looking for beginning of value"],
  ["{}}", "invalid character '}' after top-level value"],
  ["{} {}", "invalid character '{' after top-level value"],
  ["[]]", "invalid character ']' after top-level value"],
  ["[1,]", "invalid character ']' looking for beginning of value"],
  ["[1 2]", "invalid character '2' after array element"],
  ["[,1]", "invalid character ',' looking for beginning of value"],
  ["{,}", "invalid character ',' looking for beginning of object key string"],
  ['{"a"}', "invalid character '}' after object key"],
  ['{"a":}', "invalid character '}' looking for beginning of value"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ["{a:1}", "invalid character 'a' looking for beginning of object key string"],
  ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
  ['{"a":1', "unexpected end of JSON input"],
  ['{"a":', "unexpected end of JSON input"],
  ['{"a', "unexpected end of JSON input"],
  ['{"a"', "unexpected end of JSON input"],
  ['{"a":1,', "unexpected end of JSON input"],
  ['{"a":1,"b"', "unexpected end of JSON input"],
  ["{1:2}", "invalid character '1' looking for beginning of object key string"],
  ["tru", "invalid character ' ' in literal true (expecting 'e')"],
  ["truE", "invalid character 'E' in literal true (expecting 'e')"],
  ["t", "invalid character ' ' in literal true (expecting 'r')"],
  ["f", "invalid character ' ' in literal false (expecting 'a')"],
  ["fals", "invalid character ' ' in literal false (expecting 'e')"],
  ["falsy", "invalid character 'y' in literal false (expecting 'e')"],
  ["n", "invalid character ' ' in literal null (expecting 'u')"],
  ["nul", "invalid character ' ' in literal null (expecting 'l')"],
  ["nulL", "invalid character 'L' in literal null (expecting 'l')"],
  ["nil", "invalid character 'i' in literal null (expecting 'u')"],
  ["None", "invalid character 'N' looking for beginning of value"],
  ["true1", "invalid character '1' after top-level value"],
  ["true false", "invalid character 'f' after top-level value"],
  ["-", "invalid character ' ' in numeric literal"],
  ["-a", "invalid character 'a' in numeric literal"],
  ["+1", "invalid character '+' looking for beginning of value"],
  ["01", "invalid character '1' after top-level value"],
  ["00", "invalid character '0' after top-level value"],
  ["1.", "invalid character ' ' after decimal point in numeric literal"],
  ["1.a", "invalid character 'a' after decimal point in numeric literal"],
  [".5", "invalid character '.' looking for beginning of value"],
  ["1e", "invalid character ' ' in exponent of numeric literal"],
  ["1e+", "invalid character ' ' in exponent of numeric literal"],
  ["1e+x", "invalid character 'x' in exponent of numeric literal"],
  ["1ex", "invalid character 'x' in exponent of numeric literal"],
  ["0x10", "invalid character 'x' after top-level value"],
  ["1.5.5", "invalid character '.' after top-level value"],
  ["1 2", "invalid character '2' after top-level value"],
  ["123abc", "invalid character 'a' after top-level value"],
  ["-01", "invalid character '1' after top-level value"],
  ["NaN", "invalid character 'N' looking for beginning of value"],
  ["Infinity", "invalid character 'I' looking for beginning of value"],
  ['"', "unexpected end of JSON input"],
  ['"abc', "unexpected end of JSON input"],
  ['"\\', "invalid character ' ' in string escape code"],
  ['"\\x"', "invalid character 'x' in string escape code"],
  ['"\\u12', "invalid character ' ' in \\u hexadecimal character escape"],
  ['"\\u12x4"', "invalid character 'x' in \\u hexadecimal character escape"],
  ['"\\u', "invalid character ' ' in \\u hexadecimal character escape"],
  ['"a\nb"', "invalid character '\\n' in string literal"],
  ['"a\tb"', "invalid character '\\t' in string literal"],
  ['"a\u0000b"', "invalid character '\\x00' in string literal"],
  ["'a'", "invalid character '\\'' looking for beginning of value"],
  ["\u0000", "invalid character '\\x00' looking for beginning of value"],
  ["\u001f", "invalid character '\\x1f' looking for beginning of value"],
  ["\u007f", "invalid character '\\x7f' looking for beginning of value"],
  ["é", "invalid character 'Ã' looking for beginning of value"],
  ["\ufeff{}", "invalid character 'ï' looking for beginning of value"],
  ["{}é", "invalid character 'Ã' after top-level value"],
  ["日", "invalid character 'æ' looking for beginning of value"],
  ["😀", "invalid character 'ð' looking for beginning of value"],
  ["[é]", "invalid character 'Ã' looking for beginning of value"],
  ['{"a":é}', "invalid character 'Ã' looking for beginning of value"],
  ["\\", "invalid character '\\\\' looking for beginning of value"],
  ["`", "invalid character '`' looking for beginning of value"],
  ["//", "invalid character '/' looking for beginning of value"],
  ["/* */ {}", "invalid character '/' looking for beginning of value"],
  ["{} // x", "invalid character '/' after top-level value"],
  ["\u00a0{}", "invalid character 'Â' looking for beginning of value"],
  ["\u2028{}", "invalid character 'â' looking for beginning of value"],
  ["\u000b{}", "invalid character '\\v' looking for beginning of value"],
  ["\f{}", "invalid character '\\f' looking for beginning of value"],
  ['{"a":1]', "invalid character ']' after object key:value pair"],
  ["[1}", "invalid character '}' after array element"],
  ["[[[]", "unexpected end of JSON input"],
  ["undefined", "invalid character 'u' looking for beginning of value"],
  ["{{{", "invalid character '{' looking for beginning of object key string"],
  ['["a":1]', "invalid character ':' after array element"],
  ['{"a":"b"', "unexpected end of JSON input"],
  ['{"a":"b""c"}', "invalid character '\"' after object key:value pair"],
  ['{"a":[1,2}', "invalid character '}' after array element"],
  ['"\\é"', "invalid character 'Ã' in string escape code"],
  ['"\\u00é0"', "invalid character 'Ã' in \\u hexadecimal character escape"],
  ["[1,é]", "invalid character 'Ã' looking for beginning of value"],
  [
    '{"name": "x", "type": "bridge" "ipam": {}}',
    "invalid character '\"' after object key:value pair",
  ],
  ["<xml>", "invalid character '<' looking for beginning of value"],
  ["'", "invalid character '\\'' looking for beginning of value"],
  ['"a"b', "invalid character 'b' after top-level value"],
  ["\"'", "unexpected end of JSON input"],
  ["[']", "invalid character '\\'' looking for beginning of value"],
  ['{"a"\'', "invalid character '\\'' after object key"],
  ["\r\n{\t}\n x", "invalid character 'x' after top-level value"],
  ["[tru]", "invalid character ']' in literal true (expecting 'e')"],
  ["[1.]", "invalid character ']' after decimal point in numeric literal"],
];

for (const [text, message] of broken) {
  test(`decodeJson() says of ${JSON.stringify(text)}: ${message}`, () => {
    assert.equal(messageOf(text), message);
  });
}

test("decodeJson() reads what is well-formed", () => {
  const text = ' {"a":[1,-2.5e+3,true,false,null,"x\\u00e9\\n"],"b":{"c":{}},"d":[]}\n';
  const value = { a: [1, -2500, true, false, null, "x\u00e9\n"], b: { c: {} }, d: [] };
  assert.deepEqual(decodeJson(text), value);
});

/** Go reads 10,000 levels and no more, however they are made. */
const deep: readonly [name: string, text: string, message: string | undefined][] = [
  ["lists too deep", nested(10_001, "[", "", "]"), "invalid character '[' exceeded max depth"],
  [
    "objects too deep",
    nested(10_001, '{"a":', "1", "}"),
    "invalid character '{' exceeded max depth",
  ],
  ["far too deep", nested(200_000, "[", "", "]"), "invalid character '[' exceeded max depth"],
  ["too deep and unfinished", "[".repeat(10_001), "invalid character '[' exceeded max depth"],
  ["lists at the limit", nested(10_000, "[", "1", "]"), undefined],
  ["unfinished at the limit", "[".repeat(10_000), "unexpected end of JSON input"],
  ["many, but not deep", `[${"[],{},".repeat(10_000)}1]`, undefined],
];
for (const [name, text, message] of deep) {
  test(`decodeJson() of ${name}: ${message ?? "well"}`, () => {
    assert.equal(messageOf(text), message);
  });
}

const written: readonly [text: string, printed: string][] = [
  ['"<>&\u2028\u2029"', '"\\u003c\\u003e\\u0026\\u2028\\u2029"'],
  ['"\\ud800x"', '"\ufffdx"'],
  ['"\\\\ud800"', '"\\\\ud800"'],
  ['"\\ude00\\ud83d"', '"\ufffd\ufffd"'],
  ['"\\u007f\\u0000\\b\\f\\n\\r\\t\\u001b"', '"\u007f\\u0000\\b\\f\\n\\r\\t\\u001b"'],
  ['"é😀\\ufffd"', '"é😀\ufffd"'],
  [
    '{"a":[],"b":{},"c":[1,{"d":2}],"e<":"&"}',
    '{\n    "a": [],\n    "b": {},\n    "c": [\n        1,\n        {\n            "d": 2\n        }\n    ],\n    "e\\u003c": "\\u0026"\n}',
  ],
  ['"\\/"', '"/"'],
  ["1.5e300", "1.5e+300"],
  ["1e21", "1e+21"],
  ["1e-7", "1e-7"],
  ["123456789012345680000", "123456789012345680000"],
  ["0.000001", "0.000001"],
  ["4294967295", "4294967295"],
  ['"\\ud83d\\ude00"', '"😀"'],
];
for (const [text, printed] of written) {
  test(`goJson() prints ${text} as Go does`, () => {
    assert.equal(goJson(decodeJson(text), 4), printed);
  });
}

test("goJson() without an indent is compact", () => {
  assert.equal(goJson({ a: [1, "<"], b: undefined }), '{"a":[1,"\\u003c"]}');
});

function nested(depth: number, open: string, core: string, close: string): string {
  return open.repeat(depth) + core + close.repeat(depth);
}

function messageOf(text: string): string | undefined {
  try {
    decodeJson(text);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    return error.message;
  }
}
