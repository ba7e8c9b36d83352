//! The memory behind typed arrays and array buffers.

use rquickjs_sys as q;

/// Address and length of a typed array's or array buffer's bytes; None for any other value (nothing is thrown).
pub unsafe fn bytes_of(ctx: *mut q::JSContext, value: q::JSValue) -> Option<(usize, usize)> {
    let mut length: q::size_t = 0;
    if q::JS_IsArrayBuffer(value) {
        let start = q::JS_GetArrayBuffer(ctx, &mut length, value);
        return found(ctx, start, length);
    }
    match q::JS_GetTypedArrayType(value) {
        kind if kind < 0 => None,
        kind if kind as u32 == q::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT8 => {
            let start = q::JS_GetUint8Array(ctx, &mut length, value);
            found(ctx, start, length)
        }
        _ => {
            let mut offset: q::size_t = 0;
            let mut element: q::size_t = 0;
            let buffer =
                q::JS_GetTypedArrayBuffer(ctx, value, &mut offset, &mut length, &mut element);
            if q::JS_IsException(buffer) {
                q::JS_FreeValue(ctx, q::JS_GetException(ctx));
                return None;
            }
            let mut whole: q::size_t = 0;
            let start = q::JS_GetArrayBuffer(ctx, &mut whole, buffer);
            q::JS_FreeValue(ctx, buffer);
            if start.is_null() {
                return found(ctx, start, length);
            }
            found(ctx, start.add(offset as usize), length)
        }
    }
}

/// An empty array has no address; a detached one has left an exception behind.
unsafe fn found(
    ctx: *mut q::JSContext,
    start: *mut u8,
    length: q::size_t,
) -> Option<(usize, usize)> {
    if start.is_null() && q::JS_HasException(ctx) {
        q::JS_FreeValue(ctx, q::JS_GetException(ctx));
        return None;
    }
    Some((start as usize, length as usize))
}

/// A fresh Uint8Array holding a copy.
pub unsafe fn new_bytes(ctx: *mut q::JSContext, bytes: &[u8]) -> q::JSValue {
    q::JS_NewUint8ArrayCopy(ctx, bytes.as_ptr(), bytes.len() as q::size_t)
}
