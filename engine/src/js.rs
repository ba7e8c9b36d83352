//! Runtimes and contexts with just the language in them.

use crate::arena::Arena;
use crate::{malloc, natives};
use core::ffi::c_void;
use core::ptr;
use rquickjs_sys as q;

/// A context in `arena`, with the natives. Source text cannot be compiled in it.
pub unsafe fn new_context(arena: *mut Arena) -> Option<*mut q::JSContext> {
    let runtime = q::JS_NewRuntime2(&malloc::FUNCTIONS, arena as *mut c_void);
    if runtime.is_null() {
        return None;
    }
    let ctx = language(runtime)?;
    natives::install(ctx)?;
    Some(ctx)
}

/// The language alone.
pub unsafe fn language(runtime: *mut q::JSRuntime) -> Option<*mut q::JSContext> {
    let ctx = q::JS_NewContextRaw(runtime);
    if ctx.is_null() {
        return None;
    }
    let intrinsics = [
        q::JS_AddIntrinsicBaseObjects,
        q::JS_AddIntrinsicBigInt,
        q::JS_AddIntrinsicDate,
        q::JS_AddIntrinsicRegExp,
        q::JS_AddIntrinsicJSON,
        q::JS_AddIntrinsicProxy,
        q::JS_AddIntrinsicMapSet,
        q::JS_AddIntrinsicTypedArrays,
        q::JS_AddIntrinsicPromise,
    ];
    for add in intrinsics {
        if add(ctx) != 0 {
            return None;
        }
    }
    Some(ctx)
}

/// A property of the global object; an exception counts as undefined.
pub unsafe fn global_property(ctx: *mut q::JSContext, name: &core::ffi::CStr) -> q::JSValue {
    let global = q::JS_GetGlobalObject(ctx);
    let value = q::JS_GetPropertyStr(ctx, global, name.as_ptr());
    q::JS_FreeValue(ctx, global);
    if q::JS_IsException(value) {
        q::JS_FreeValue(ctx, q::JS_GetException(ctx));
        return q::JS_UNDEFINED;
    }
    value
}

/// Calls without arguments or `this`.
pub unsafe fn call(ctx: *mut q::JSContext, function: q::JSValue) -> q::JSValue {
    q::JS_Call(ctx, function, q::JS_UNDEFINED, 0, ptr::null_mut())
}
