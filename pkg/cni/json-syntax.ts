/** Finds what is wrong with a JSON text, in the words of Go's encoding/json. Runs only when parsing failed. */

import { goQuote } from "./quote.ts";

/** Go's limit on nested objects and arrays. */
export const deepest = 10_000;

const SPACES = " \t\r\n";
const ESCAPES = 'bfnrt\\/"';
const DIGITS = "0123456789";
const HEX_DIGITS = "0123456789abcdefABCDEF";
const LITERALS: Readonly<Record<string, string>> = { t: "true", f: "false", n: "null" };

/** A fault in a JSON text, and where it is: for those who show the place. */
export class JsonSyntaxError extends SyntaxError {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Throws the first error of the text as a JsonSyntaxError, returns when there is none. */
export function checkSyntax(text: string): void {
  const scan = new Scan(text);
  do {
    while (scan.opensValue()) {}
  } while (scan.leadsToValue());
  scan.finish();
}

/** One walk over a text. Inside a token the text's end counts as a blank, as Go feeds one there. */
class Scan {
  private readonly text: string;
  private at = 0;
  /** The brackets that are still open. */
  private readonly open: string[] = [];

  constructor(text: string) {
    this.text = text;
  }

  /** Reads a value, or the opening of one that is not empty: then true, and its first member comes next. */
  opensValue(): boolean {
    const first = this.nextToken();
    if (first === "{") {
      this.push(first);
      if (this.nextToken() !== "}") {
        this.key();
        return true;
      }
      this.pop();
    } else if (first === "[") {
      this.push(first);
      if (this.nextToken() !== "]") return true;
      this.pop();
    } else if (first === '"') {
      this.string();
    } else if (first === "-" || isOneOf(first, DIGITS)) {
      this.number();
    } else {
      this.literal(LITERALS[first]);
    }
    return false;
  }

  /** Reads what follows a value: true when that is another one. */
  leadsToValue(): boolean {
    while (this.open.length > 0) {
      const inObject = this.open.at(-1) === "{";
      const next = this.nextToken();
      if (next === ",") {
        this.at++;
        if (inObject) {
          this.nextToken();
          this.key();
        }
        return true;
      }
      if (next !== (inObject ? "}" : "]")) {
        throw this.wrong(inObject ? "after object key:value pair" : "after array element");
      }
      this.pop();
    }
    return false;
  }

  finish(): void {
    this.skipSpaces();
    if (this.at < this.text.length) throw this.wrong("after top-level value");
  }

  private key(): void {
    if (this.peek() !== '"') throw this.wrong("looking for beginning of object key string");
    this.string();
    if (this.nextToken() !== ":") throw this.wrong("after object key");
    this.at++;
  }

  private string(): void {
    for (this.at++; ; this.at++) {
      if (this.at >= this.text.length) throw unexpectedEnd(this.text);
      const character = this.peek();
      if (character === '"') break;
      if (character < " ") throw this.wrong("in string literal");
      if (character === "\\") this.escapeSequence();
    }
    this.at++;
  }

  private escapeSequence(): void {
    this.at++;
    if (this.peek() !== "u") {
      if (!isOneOf(this.peek(), ESCAPES)) throw this.wrong("in string escape code");
      return;
    }
    for (let digits = 0; digits < 4; digits++) {
      this.at++;
      if (!isOneOf(this.peek(), HEX_DIGITS))
        throw this.wrong("in \\u hexadecimal character escape");
    }
  }

  private number(): void {
    if (this.peek() === "-") this.at++;
    if (this.peek() === "0") this.at++;
    else this.digits("in numeric literal");
    if (this.peek() === ".") {
      this.at++;
      this.digits("after decimal point in numeric literal");
    }
    if (isOneOf(this.peek(), "eE")) {
      this.at++;
      if (isOneOf(this.peek(), "+-")) this.at++;
      this.digits("in exponent of numeric literal");
    }
  }

  private digits(where: string): void {
    if (!isOneOf(this.peek(), DIGITS)) throw this.wrong(where);
    while (isOneOf(this.peek(), DIGITS)) this.at++;
  }

  private literal(word: string | undefined): void {
    if (word === undefined) throw this.wrong("looking for beginning of value");
    for (const expected of word) {
      if (this.peek() !== expected)
        throw this.wrong(`in literal ${word} (expecting '${expected}')`);
      this.at++;
    }
  }

  private push(bracket: string): void {
    this.open.push(bracket);
    if (this.open.length > deepest) throw this.wrong("exceeded max depth");
    this.at++;
  }

  private pop(): void {
    this.open.pop();
    this.at++;
  }

  private nextToken(): string {
    this.skipSpaces();
    if (this.at >= this.text.length) throw unexpectedEnd(this.text);
    return this.peek();
  }

  private skipSpaces(): void {
    while (this.at < this.text.length && isOneOf(this.peek(), SPACES)) this.at++;
  }

  private peek(): string {
    return this.text[this.at] ?? " ";
  }

  private wrong(where: string): SyntaxError {
    const message = `invalid character ${quoteFirstByte(this.text, this.at)} ${where}`;
    return new JsonSyntaxError(message, this.at);
  }
}

function isOneOf(character: string, set: string): boolean {
  return set.includes(character);
}

function unexpectedEnd(text: string): SyntaxError {
  return new JsonSyntaxError("unexpected end of JSON input", text.length);
}

/** Go reads bytes and shows the one it stumbled over, so of a longer character only its first, as Latin-1. */
function quoteFirstByte(text: string, at: number): string {
  const code = text.codePointAt(at) ?? 32;
  const character = String.fromCharCode(firstByte(code));
  if (character === "'") return "'\\''";
  return character === '"' ? `'"'` : `'${goQuote(character).slice(1, -1)}'`;
}

function firstByte(code: number): number {
  if (code < 0x80) return code;
  if (code < 0x800) return 0xc0 | (code >> 6);
  return code < 0x10000 ? 0xe0 | (code >> 12) : 0xf0 | (code >> 18);
}
