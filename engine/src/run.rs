//! Runs a program to its end: its entry, then promise jobs until none is left.

use crate::sys::{self, Global};
use crate::{js, report};
use core::ffi::c_void;
use core::ptr;
use rquickjs_sys as q;

/// Promises rejected with nobody listening yet. Bounded: the first one is what gets reported.
const MOST_REJECTED: usize = 16;
static REJECTED: Global<[Option<q::JSValue>; MOST_REJECTED]> = Global::new([None; MOST_REJECTED]);

/// How far the heap of a one-shot program may grow before garbage cycles are looked for.
const GROWTH: usize = 32 << 20;

/// The least heap size at which the collector runs, from what lives now.
pub unsafe fn let_heap_grow(runtime: *mut q::JSRuntime, bytes: usize) {
    let mut usage = core::mem::zeroed::<q::JSMemoryUsage>();
    q::JS_ComputeMemoryUsage(runtime, &mut usage);
    q::JS_SetGCThreshold(
        runtime,
        (usage.malloc_size as usize).saturating_add(bytes) as q::size_t,
    );
}

unsafe extern "C" fn on_rejection(
    ctx: *mut q::JSContext,
    promise: q::JSValue,
    _reason: q::JSValue,
    handled: bool,
    _: *mut c_void,
) {
    let rejected = &mut *REJECTED.at();
    if !handled {
        if let Some(free) = rejected.iter_mut().find(|entry| entry.is_none()) {
            *free = Some(q::JS_DupValue(ctx, promise));
        }
        return;
    }
    for entry in rejected {
        if entry.is_some_and(|known| q::JS_VALUE_GET_PTR(known) == q::JS_VALUE_GET_PTR(promise)) {
            q::JS_FreeValue(ctx, promise);
            *entry = None;
        }
    }
}

/// Set once per runtime; an image keeps it.
pub unsafe fn prepare(runtime: *mut q::JSRuntime) {
    q::JS_SetHostPromiseRejectionTracker(runtime, Some(on_rejection), ptr::null_mut());
    let_heap_grow(runtime, GROWTH);
}

/// Runs jobs until none is left. Err holds what was thrown, or why a promise nobody listens to was rejected.
pub unsafe fn jobs(ctx: *mut q::JSContext) -> Result<(), q::JSValue> {
    let mut job_ctx = ptr::null_mut();
    loop {
        match q::JS_ExecutePendingJob(q::JS_GetRuntime(ctx), &mut job_ctx) {
            0 => break,
            n if n < 0 => return Err(q::JS_GetException(ctx)),
            _ => {}
        }
    }
    match (*REJECTED.at()).iter().flatten().next() {
        Some(promise) => Err(q::JS_PromiseResult(ctx, *promise)),
        None => Ok(()),
    }
}

/// Calls the entry and ends the process.
pub unsafe fn program(ctx: *mut q::JSContext, entry: q::JSValue) -> ! {
    let result = js::call(ctx, entry);
    if q::JS_IsException(result) {
        report::uncaught(ctx, b"", q::JS_GetException(ctx));
    }
    if let Err(reason) = jobs(ctx) {
        report::uncaught(ctx, b"", reason);
    }
    if q::JS_PromiseState(ctx, result) == q::JSPromiseStateEnum_JS_PROMISE_PENDING {
        sys::fail(&[b"main waits for a promise that nothing can settle"]);
    }
    sys::exit(0)
}
