//! Strings in and out, as the WHATWG's encoder and decoder treat them.

use alloc::vec::Vec;
use core::ffi::{c_char, CStr};
use rquickjs_sys as q;

/// A JavaScript string of UTF-8 bytes; each ill-formed part becomes U+FFFD.
pub unsafe fn decode(ctx: *mut q::JSContext, bytes: &[u8]) -> q::JSValue {
    if core::str::from_utf8(bytes).is_ok() {
        return new_string(ctx, bytes);
    }
    let mut repaired = Vec::new();
    if repaired.try_reserve(bytes.len() * 3).is_err() {
        return q::JS_ThrowOutOfMemory(ctx);
    }
    for chunk in bytes.utf8_chunks() {
        repaired.extend_from_slice(chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            repaired.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    new_string(ctx, &repaired)
}

/// Whether a text holds half of a pair, which is no character.
pub fn has_lone_surrogate(bytes: &[u8]) -> bool {
    lone_surrogate(bytes).is_some()
}

unsafe fn new_string(ctx: *mut q::JSContext, bytes: &[u8]) -> q::JSValue {
    q::JS_NewStringLen(
        ctx,
        bytes.as_ptr() as *const c_char,
        bytes.len() as q::size_t,
    )
}

/// Hands the UTF-8 of a value's text to `use_bytes`; lone surrogates become U+FFFD. None means: an exception is pending.
pub unsafe fn encode<T>(
    ctx: *mut q::JSContext,
    value: q::JSValue,
    use_bytes: impl FnOnce(&[u8]) -> T,
) -> Option<T> {
    let mut length = 0;
    let text = q::JS_ToCStringLen2(ctx, &mut length, value, false);
    if text.is_null() {
        return None;
    }
    let bytes = core::slice::from_raw_parts(text as *const u8, length as usize);
    let result = match lone_surrogate(bytes) {
        None => Some(use_bytes(bytes)),
        Some(_) => repair(bytes).map(|repaired| use_bytes(&repaired)),
    };
    q::JS_FreeCString(ctx, text);
    if result.is_none() {
        q::JS_ThrowOutOfMemory(ctx);
    }
    result
}

/// QuickJS writes a lone surrogate as if it were a character: ED A0..BF xx, which no other text contains.
fn lone_surrogate(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(2)
        .position(|pair| pair[0] == 0xed && pair[1] >= 0xa0)
}

fn repair(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut repaired = Vec::new();
    repaired.try_reserve(bytes.len()).ok()?;
    repaired.extend_from_slice(bytes);
    let mut from = 0;
    while let Some(place) = lone_surrogate(&repaired[from..]) {
        let at = from + place;
        repaired[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        from = at + 3;
    }
    Some(repaired)
}

/// The text of a C string from the kernel.
pub unsafe fn from_c(ctx: *mut q::JSContext, text: *const c_char) -> q::JSValue {
    decode(ctx, CStr::from_ptr(text).to_bytes())
}
